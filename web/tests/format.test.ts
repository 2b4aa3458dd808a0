import { describe, expect, it } from 'vitest';
import { asText, fromBase64, hexRows, prettyJson } from '../src/format/bytes';
import { formatAge, formatBytes, formatCompact, formatDecimal, formatMilliseconds, formatNumber, formatRate } from '../src/format/number';
import { dayStart, formatTime, formatUtc, fromField, instantOf, offsetMinutes, toField, zoneOffset } from '../src/format/time';

const hour = 3_600_000;

describe('numbers', () => {
  it('shows_a_reading_digit_for_digit_when_it_has_more_digits_than_a_double', () => {
    expect(formatDecimal('12345678901234567.8901', 'en')).toBe('12,345,678,901,234,567.8901');
    expect(formatDecimal('-0.500', 'en')).toBe('−0.500');
    expect(formatDecimal('12345.678', 'ko')).toBe('12,345.678');
  });
  it('shows_a_dash_and_never_a_zero_when_a_value_is_unknown', () => {
    expect(formatNumber(null, 'en')).toBe('–');
    expect(formatNumber(Number.NaN, 'en')).toBe('–');
    expect(formatDecimal(null, 'en')).toBe('–');
    expect(formatRate(undefined, 'en')).toBe('–');
  });
  it('keeps_sensible_digits_when_a_rate_grows', () => {
    expect([0, 0.04, 9.94, 12.34, 100.4, 81234].map((value) => formatRate(value, 'en'))).toEqual(['0', '0.04', '9.9', '12.3', '100', '81,234']);
  });
  it('steps_up_the_unit_when_bytes_would_round_to_a_thousand', () => {
    expect(formatBytes(999, 'en')).toEqual({ text: '999', unit: 'B' });
    expect(formatBytes(999_600, 'en')).toEqual({ text: '1.0', unit: 'MB' });
    expect(formatBytes(1_342_118_912, 'en')).toEqual({ text: '1.3', unit: 'GB' });
  });
  it('turns_to_seconds_when_a_latency_is_long', () => {
    expect(formatMilliseconds(3.24, 'en')).toEqual({ text: '3.2', unit: 'ms' });
    expect(formatMilliseconds(1240, 'en')).toEqual({ text: '1.24', unit: 's' });
    expect(formatMilliseconds(null, 'en').text).toBe('–');
  });
  it('tells_an_age_in_one_unit_in_either_language', () => {
    expect(formatAge(-5000, 'en')).toBe('0 sec');
    expect(formatAge(119_000, 'en')).toBe('119 sec');
    expect(formatAge(2 * hour, 'en')).toBe('2 hr');
    expect(formatAge(4 * 60_000, 'ko')).toBe('4분');
  });
  it('counts_in_the_reader_s_own_thousands_when_space_is_short', () => {
    expect(formatCompact(4_300_000, 'en')).toBe('4.3M');
    expect(formatCompact(4_300_000, 'ko')).toBe('430만');
  });
});

describe('times', () => {
  const seoul = Date.parse('2026-11-20T10:15:00Z');
  it('shows_an_instant_in_the_site_s_zone_with_its_offset', () => {
    expect(formatTime(seoul, 'Asia/Seoul')).toBe('2026-11-20 19:15:00');
    expect(zoneOffset('Asia/Seoul', seoul)).toBe('UTC+9');
    expect(zoneOffset('Asia/Kolkata', seoul)).toBe('UTC+5:30');
    expect(zoneOffset('UTC', seoul)).toBe('UTC');
    expect(formatUtc(seoul)).toBe('2026-11-20 10:15:00 UTC');
    expect(formatTime(seoul + 7, 'UTC', 'millisecond')).toBe('2026-11-20 10:15:00.007');
  });
  it('has_23_25_and_24_hours_when_the_clock_jumps_forward_back_and_not', () => {
    const length = (date: string, zone: string) => (dayStart(Date.parse(date), zone, 1) - dayStart(Date.parse(date), zone)) / hour;
    expect(length('2026-03-29T12:00:00Z', 'Europe/Berlin')).toBe(23);
    expect(length('2026-10-25T12:00:00Z', 'Europe/Berlin')).toBe(25);
    expect(length('2026-11-20T12:00:00Z', 'Europe/Berlin')).toBe(24);
    expect(length('2026-04-05T00:00:00Z', 'Australia/Lord_Howe')).toBe(24.5);
  });
  it('starts_the_day_after_the_gap_when_midnight_does_not_exist', () => {
    // Beirut's clock went from 2023-03-30 00:00 straight to 01:00.
    const start = dayStart(Date.parse('2023-03-30T12:00:00Z'), 'Asia/Beirut');
    expect(formatTime(start, 'Asia/Beirut', 'minute').slice(0, 10)).toBe('2023-03-30');
    expect(formatTime(start - 1, 'Asia/Beirut', 'minute').slice(0, 10)).toBe('2023-03-29');
  });
  it('takes_the_first_of_two_instants_when_an_hour_comes_twice', () => {
    expect(new Date(instantOf('Europe/Berlin', 2026, 10, 25, 2, 30)).toISOString()).toBe('2026-10-25T00:30:00.000Z');
  });
  it('gives_back_the_same_instant_when_a_field_is_read_again', () => {
    for (const zone of ['Asia/Seoul', 'Europe/Berlin', 'America/St_Johns', 'UTC']) expect(fromField(toField(seoul, zone), zone)).toBe(seoul);
    expect(fromField('yesterday', 'UTC')).toBeNull();
    expect(fromField('2026-13-01 00:00', 'UTC')).toBeNull();
  });
  it('knows_the_offset_on_both_sides_of_a_change', () => {
    expect(offsetMinutes(Date.parse('2026-10-25T00:59:59Z'), 'Europe/Berlin')).toBe(120);
    expect(offsetMinutes(Date.parse('2026-10-25T01:00:00Z'), 'Europe/Berlin')).toBe(60);
  });
});

describe('bytes', () => {
  it('shows_text_only_when_it_is_valid_text', () => {
    expect(asText(fromBase64('eyJhIjoxfQ=='))).toBe('{"a":1}');
    expect(asText(new Uint8Array([0x7b, 0x00]))).toBeNull();
    expect(asText(new Uint8Array([0xff, 0xfe]))).toBeNull();
  });
  it('lays_bytes_out_in_rows_of_sixteen', () => {
    const rows = hexRows(Uint8Array.from({ length: 18 }, (_, index) => index + 0x3f));
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual({ offset: '0000', hex: '3f 40 41 42 43 44 45 46  47 48 49 4a 4b 4c 4d 4e', text: '?@ABCDEFGHIJKLMN' });
    expect(rows[1]?.offset).toBe('0010');
    expect(hexRows(new Uint8Array(10_000), 64)).toHaveLength(4);
  });
  it('keeps_every_digit_when_json_is_laid_out', () => {
    expect(prettyJson('{"value":12345678901234567890.10,"s":"a,{b}\\"","e":{ },"l":[1,2]}')).toBe('{\n  "value": 12345678901234567890.10,\n  "s": "a,{b}\\"",\n  "e": {},\n  "l": [\n    1,\n    2\n  ]\n}');
    expect(prettyJson('{broken')).toBeNull();
    expect(prettyJson('online')).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { toProblem, withQuery } from '../src/api/client';
import { chartData } from '../src/pages/Devices/chartData';
import { cell, toCsv } from '../src/pages/Devices/csv';
import { emptyLog, limit, reduceLog, type Received } from '../src/pages/Broker/messageLog';
import type { Profiles } from '../src/api/types';
import { patternData } from '../src/pages/Devices/patternData';
import { rangeOf } from '../src/pages/Devices/range';
import { pasteLine } from '../src/pages/pasteLine';
import { merge, parseSearch, stringifySearch } from '../src/url';

describe('address', () => {
  it('gives_back_the_same_state_when_an_address_is_opened_again', () => {
    const state = { query: '101동', connected: 'true', register: '0012' };
    expect(parseSearch(stringifySearch(state))).toEqual(state);
    expect(stringifySearch({ a: '', b: undefined })).toBe('');
  });
  it('drops_a_parameter_when_it_is_emptied', () => {
    expect(merge({ a: '1', b: '2' }, { a: '', c: '3' })).toEqual({ b: '2', c: '3' });
  });
  it('leaves_out_what_is_not_asked_when_a_query_is_written', () => {
    expect(withQuery('/devices', { query: '', offset: 0, connected: null })).toBe('/devices?offset=0');
  });
});

describe('problem', () => {
  it('keeps_the_reference_and_the_fields_when_the_server_refuses', () => {
    const problem = toProblem(422, '{"title":"No","detail":"Why","reference":"01J","errors":{"id":["taken"]}}');
    expect([problem.status, problem.title, problem.reference, problem.errors['id']]).toEqual([422, 'No', '01J', ['taken']]);
  });
  it('has_a_status_and_no_words_when_the_answer_is_not_a_problem', () => {
    expect(toProblem(502, '<html>').status).toBe(502);
    expect(toProblem(502, '<html>').title).toBe('');
  });
});

describe('range', () => {
  const now = Date.parse('2026-11-20T10:15:30Z');
  it('covers_the_local_day_when_today_is_asked', () => {
    const range = rangeOf({ range: 'today' }, now, 'Asia/Seoul');
    expect(new Date(range.from).toISOString()).toBe('2026-11-19T15:00:00.000Z');
    expect(range.to - range.from).toBe(86_400_000);
  });
  it('takes_the_free_range_of_the_address_when_it_is_whole_and_the_last_day_otherwise', () => {
    expect(rangeOf({ from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' }, now, 'UTC').preset).toBeNull();
    expect(rangeOf({ from: '2026-11-02T00:00:00Z', to: '2026-11-01T00:00:00Z' }, now, 'UTC').preset).toBe('24h');
    expect(rangeOf({}, now, 'UTC').to).toBe(Date.parse('2026-11-20T10:16:00Z'));
  });
});

describe('chart', () => {
  it('puts_a_null_between_two_readings_when_a_gap_lies_between_them', () => {
    const data = chartData({ unit: 'V', kind: 'instant', points: [[1000, 1, 1, 1, 1], [2000, 2, 2, 2, 1], [9000, 9, 9, 9, 1]], gaps: [[2500, 8500]] });
    expect(data.x).toEqual([1, 2, 2.5, 9]);
    expect(data.last).toEqual([1, 2, null, 9]);
    expect(data.banded).toBe(false);
  });
  it('keeps_x_growing_when_gaps_overlap_or_come_unsorted', () => {
    const data = chartData({ unit: 'V', kind: 'instant', points: [[1000, 1, 2, 1, 4], [9000, 9, 9, 9, 1]], gaps: [[4000, 8000], [2000, 5000], [0, 500]] });
    expect([...data.x].sort((a, b) => a - b)).toEqual(data.x);
    expect(data.banded).toBe(true);
  });
});

describe('csv', () => {
  it('quotes_and_disarms_what_a_spreadsheet_would_run', () => {
    expect(cell('=1+1')).toBe("'=1+1");
    expect(cell('-5.2')).toBe('-5.2');
    expect(cell('a"b,c')).toBe('"a""b,c"');
  });
  it('writes_the_value_s_own_digits', () => {
    const text = toCsv([{ at: '2026-11-20T10:15:00Z', value: '12345.678', unit: 'kWh', quality: 'measured', suspicions: ['clock'], commitNumber: '9007199254740993', ordinal: 2, receivedAt: '2026-11-20T10:15:02Z' }]);
    expect(text.split('\r\n')[1]).toBe('2026-11-20T10:15:00Z,12345.678,kWh,measured,clock,9007199254740993,2,2026-11-20T10:15:02Z');
  });
});

describe('paste line', () => {
  it('publishes_as_the_device_with_its_secret', () => {
    const line = pasteLine('meter_1', 'a$b', 'localhost');
    expect(line).toContain("-u meter_1 -P 'a$b'");
    expect(line).toContain('-t smart_meter/meter_readings');
  });
});

describe('messages of the page’s MQTT client', () => {
  const message = (key: number): Received => ({ key, at: 0, topic: 't', qos: 0, retain: false, bytes: new Uint8Array() });
  it('keeps_only_the_newest_when_more_arrive_than_are_shown', () => {
    const log = reduceLog(emptyLog, { kind: 'received', batch: Array.from({ length: limit + 7 }, (_, key) => message(key)) });
    expect(log.messages).toHaveLength(limit);
    expect(log.messages[0]?.key).toBe(7);
    expect(log.total).toBe(limit + 7);
  });
  it('counts_what_is_missed_when_paused_and_forgets_it_when_resumed', () => {
    let log = reduceLog(reduceLog(emptyLog, { kind: 'received', batch: [message(1)] }), { kind: 'pause' });
    log = reduceLog(log, { kind: 'received', batch: [message(2), message(3)] });
    expect([log.messages.length, log.missed, log.total]).toEqual([1, 2, 3]);
    log = reduceLog(log, { kind: 'resume' });
    expect([log.paused, log.missed]).toEqual([false, 0]);
    expect(reduceLog(log, { kind: 'clear' })).toEqual(emptyLog);
  });
});

describe('pattern', () => {
  const quarter = 900_000;
  const points = (start: string, count: number): Profiles['points'] => Array.from({ length: count }, (_, index) => [Date.parse(start) + index * quarter, index === 3 ? null : index, index === 3 ? 1 : 0]);
  it('places_intervals_by_the_local_day_and_time_of_day', () => {
    const data = patternData({ unit: 'Wh', everySeconds: 900, points: points('2026-11-19T15:00:00Z', 96) }, 'Asia/Seoul');
    expect(data.days).toEqual(['2026-11-20']);
    expect(data.slots).toHaveLength(96);
    expect(data.cells[0]).toEqual([0, 0, 0, 0]);
    expect(data.cells[3]).toEqual([3, 0, null, 1]);
    expect([data.known, data.top]).toEqual([95, 95]);
  });
  it('leaves_an_hour_empty_in_spring_and_shares_one_in_autumn', () => {
    expect(patternData({ unit: 'Wh', everySeconds: 900, points: points('2026-03-28T23:00:00Z', 92) }, 'Europe/Berlin').cells).toHaveLength(92);
    const autumn = patternData({ unit: 'Wh', everySeconds: 900, points: points('2026-10-24T22:00:00Z', 100) }, 'Europe/Berlin');
    expect(autumn.days).toEqual(['2026-10-25']);
    expect(autumn.cells).toHaveLength(96);
  });
});

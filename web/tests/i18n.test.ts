import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from '../src/i18n/en/index';
import ko from '../src/i18n/ko/index';

type Bundles = Record<string, Record<string, string>>;
const bundles: Record<string, Bundles> = { en, ko };
// Korean has one plural form, English two; beyond that both must say the same things.
const base = (key: string) => key.replace(/_(one|other)$/, '');
const keys = (language: string, namespace: string) => [...new Set(Object.keys(bundles[language]?.[namespace] ?? {}).map(base))].sort();
const holes = (text: string) => [...new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]))].sort();

describe('words', () => {
  for (const namespace of Object.keys(en)) {
    it(`has_the_same_keys_in_both_languages: ${namespace}`, () => {
      expect(keys('ko', namespace)).toEqual(keys('en', namespace));
      expect(keys('en', namespace).length).toBeGreaterThan(0);
    });
    it(`fills_the_same_places_in_both_languages: ${namespace}`, () => {
      const english = (en as Bundles)[namespace] ?? {};
      const korean = (ko as Bundles)[namespace] ?? {};
      for (const [key, text] of Object.entries(korean)) {
        const twin = english[key] ?? english[`${base(key)}_other`] ?? '';
        expect(holes(text), `${namespace}:${key}`).toEqual(holes(twin));
        expect(text.trim(), `${namespace}:${key}`).not.toBe('');
      }
    });
  }

  it('has_words_for_every_key_the_pages_name', () => {
    const missing: string[] = [];
    for (const file of sources(join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../src'))) {
      const text = readFileSync(file, 'utf8');
      const own = /useTranslation\('(\w+)'\)/.exec(text)?.[1] ?? 'common';
      for (const match of text.matchAll(/\bt\('([^']+)'/g)) {
        const [namespace, key] = match[1]!.includes(':') ? match[1]!.split(':') as [string, string] : [own, match[1]!];
        const words = (en as Bundles)[namespace];
        if (!words || !(key in words || `${key}_other` in words)) missing.push(`${file.split('/src/')[1]}: ${match[1]}`);
      }
    }
    expect(missing).toEqual([]);
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : /\.tsx?$/.test(name) ? [path] : [];
  });
}

/** The server's persisted words, read from its own sources: a new one without words here fails the build. */
describe('words for what the server sends', () => {
  const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../src');
  const members = (file: string, name: string) => {
    const text = readFileSync(join(root, file), 'utf8');
    const body = text.slice(text.indexOf(`enum ${name}`));
    return [...body.slice(0, body.indexOf('\n}')).matchAll(/^\s+([A-Z]\w+)\s*(?:=[^,]*)?,/gm)].map((match) => match[1]!.charAt(0).toLowerCase() + match[1]!.slice(1));
  };
  const cases: [string, string, string, string][] = [
    ['Devices/Uplink/QuarantineReason.cs', 'QuarantineReason', 'quarantine', 'reason.'],
    ['Devices/DeviceClass.cs', 'DeviceClass', 'devices', 'class.'],
    ['HeadEnd/Registry/DeviceStatus.cs', 'DeviceStatus', 'devices', 'status.'],
    ['Metering/Quality.cs', 'Quality', 'devices', 'quality.'],
    ['Metering/Quality.cs', 'Suspicion', 'devices', 'suspicion.'],
    ['HeadEnd/Access/CredentialKind.cs', 'CredentialKind', 'devices', 'credentialKind.'],
    ['Mqtt/Server/ConnectionEvents.cs', 'ConnectionEventKind', 'broker', 'kind.'],
  ];
  for (const [file, name, namespace, prefix] of cases) {
    it(`has_words_for_every_member_of ${name}`, () => {
      const found = members(file, name).filter((member) => member !== 'none');
      expect(found.length).toBeGreaterThan(0);
      for (const member of found) for (const language of ['en', 'ko']) expect(bundles[language]?.[namespace], `${language} ${namespace}`).toHaveProperty([`${prefix}${member}`]);
    });
  }
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Every address the pages ask for is one the server's own description names (web/openapi.json, from a running server). */
describe('contract', () => {
  const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
  const paths = Object.keys((JSON.parse(readFileSync(join(here, '../openapi.json'), 'utf8')) as { paths: Record<string, unknown> }).paths);
  const wanted = ['/session', '/session/password', '/session/preferences', '/overview', '/live', '/devices', '/devices/{}', '/devices/{}/readings', '/devices/{}/series', '/devices/{}/profiles', '/devices/{}/events', '/devices/{}/conflicts', '/devices/{}/credentials', '/credentials/{}', '/broker', '/broker/sessions', '/broker/sessions/{}', '/broker/subscriptions', '/broker/retained', '/broker/events', '/broker/credentials', '/broker/credentials/{}', '/broker/client', '/quarantine', '/quarantine/{}/{}', '/quarantine/replay', '/quarantine/discard', '/quarantine/restore', '/jobs/{}', '/jobs/{}/cancel', '/trace/{}/{}', '/people', '/people/{}', '/people/{}/password', '/tokens', '/tokens/{}', '/audit', '/settings', '/search'];
  const known = new Set(paths.map((path) => path.replace(/^\/api\/v1/, '').replace(/\{[^}]*\}/g, '{}')));
  for (const path of wanted) it(`names ${path}`, () => { expect(known.has(path)).toBe(true); });
});

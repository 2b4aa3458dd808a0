// Opens every page of the built app on the mock server in Chromium: screenshots to look at, axe-core's findings, sideways
// scroll and layout shift to fail on. `npm run build && npm run look [-- page ...]`; pictures go to LOOK_DIR or a folder in the system's temporary one.
import { mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const folder = process.env.LOOK_DIR ?? join(tmpdir(), 'headwater-look');
mkdirSync(folder, { recursive: true });
const server = await preview({ mode: 'mock', preview: { port: 0, host: '127.0.0.1' }, logLevel: 'error' });
const address = server.resolvedUrls.local[0].replace(/\/$/, '');
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

const wide = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };
const scenes = [
  ['overview', '/', {}], ['overview-empty', '/', { empty: 1 }], ['overview-error', '/', { fail: '/overview' }], ['overview-loading', '/', { latency: 60000 }],
  ['devices', '/devices', {}], ['devices-many', '/devices', { devices: 100000 }], ['devices-none', '/devices?query=zzz', {}], ['devices-empty', '/devices', { empty: 1 }], ['devices-loading', '/devices', { latency: 60000 }], ['devices-error', '/devices', { fail: '/devices' }],
  ['devices-panel', '/devices?selected=meter_0012', {}], ['device', '/devices/meter_0012', {}], ['device-profile', '/devices/meter_0012?register=3&range=7d', {}], ['device-pattern', '/devices/meter_0012?register=3&range=30d&view=pattern', {}], ['device-credentials', '/devices/meter_0012?tab=credentials', {}], ['device-events', '/devices/meter_0012?tab=events', {}], ['device-conflicts', '/devices/meter_0013?tab=conflicts', {}], ['device-missing', '/devices/nothing', {}],
  ['broker', '/broker', {}], ['broker-sessions', '/broker?tab=sessions', {}], ['broker-subscriptions', '/broker?tab=subscriptions', {}], ['broker-retained', '/broker?tab=retained', {}], ['broker-events', '/broker?tab=events', {}], ['broker-credentials', '/broker?tab=credentials', {}], ['broker-configuration', '/broker?tab=configuration', {}], ['broker-client', '/broker?tab=client', {}],
  ['quarantine', '/quarantine', {}], ['quarantine-open', '/quarantine?selected=119001/1', {}], ['quarantine-empty', '/quarantine', { empty: 1 }],
  ['trace', '/trace/120001/3', {}], ['administration', '/administration', {}], ['administration-tokens', '/administration?tab=tokens', {}], ['administration-audit', '/administration?tab=audit', {}], ['administration-settings', '/administration?tab=settings', {}],
  ['account', '/account', {}], ['signin', '/', { signedIn: 0 }], ['first-password', '/', { mustChange: 1 }], ['not-found', '/nowhere', {}],
];
const wanted = process.argv.slice(2);
let bad = 0;
for (const [name, path, scene] of scenes) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const reset = { devices: 1000, latency: 0, fail: '', live: 1, empty: 0, signedIn: 1, mustChange: 0, ...scene };
  await fetch(`${address}/api/v1/__mock?${new URLSearchParams(reset)}`);
  for (const [look, language, theme, viewport] of [['light', 'en', 'light', wide], ['dark', 'ko', 'dark', wide], ['phone', 'en', 'dark', phone], ['phone-ko', 'ko', 'light', phone]]) {
    if (process.env.LOOKS && !process.env.LOOKS.split(',').includes(look)) continue;
    const context = await browser.newContext({ viewport, locale: language === 'ko' ? 'ko-KR' : 'en-US' });
    await context.addInitScript(([l, t]) => { localStorage.setItem('headwater.language', l); localStorage.setItem('headwater.theme', t); window.__shift = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.__shift += e.value; }).observe({ type: 'layout-shift', buffered: true }); }, [language, theme]);
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => { if (message.type() === 'error' && !/status of (401|404|503)/.test(message.text())) errors.push(message.text()); });
    await page.goto(address + path, { waitUntil: 'load' });
    await page.waitForTimeout(scene.latency ? 700 : 1600);
    await page.screenshot({ path: join(folder, `${name}.${look}.png`) });
    const facts = await page.evaluate(() => ({ sideways: document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll('.main')].some((e) => e.scrollWidth > e.clientWidth + 1), shift: window.__shift }));
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const serious = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
    const words = [];
    if (facts.sideways) words.push('scrolls sideways');
    if (facts.shift > 0.02) words.push(`layout shift ${facts.shift.toFixed(3)}`);
    for (const v of serious) words.push(`${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`).join(' | ')}`);
    for (const e of errors) words.push(`error: ${e.slice(0, 200)}`);
    if (words.length > 0) { bad += words.length; console.log(`${name}.${look}: ${words.join('\n    ')}`); }
    await context.close();
  }
}
console.log(bad === 0 ? `all clean, pictures in ${folder}` : `${bad} findings, pictures in ${folder}`);
await browser.close();
await server.close();
process.exit(bad === 0 ? 0 : 1);

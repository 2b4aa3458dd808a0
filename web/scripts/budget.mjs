// Fails the build when the script a browser needs before the first page passes 300 kB gzip.
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const limit = 300 * 1000;
const dist = new URL('../dist/', import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, 'utf8'));
const seen = new Set();

function visit(key) {
  const chunk = manifest[key];
  if (!chunk || seen.has(chunk.file)) return;
  seen.add(chunk.file);
  for (const css of chunk.css ?? []) seen.add(css);
  for (const next of chunk.imports ?? []) visit(next);
}
const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
visit(entry);
// What every first visit loads although it is imported dynamically: one language, the overview.
for (const key of ['src/i18n/en/index.ts', 'src/pages/Overview/OverviewPage.tsx', 'src/frame/Frame.tsx']) if (manifest[key]) visit(key);

let script = 0;
let style = 0;
for (const file of seen) {
  if (!existsSync(dist + file)) continue;
  const size = gzipSync(readFileSync(dist + file), { level: 9 }).length;
  if (file.endsWith('.js')) script += size; else style += size;
}
console.log(`initial script ${(script / 1000).toFixed(1)} kB gzip (limit ${limit / 1000}), style ${(style / 1000).toFixed(1)} kB gzip, ${seen.size} files`);
if (script > limit) { console.error('The initial script passes its budget.'); process.exit(1); }

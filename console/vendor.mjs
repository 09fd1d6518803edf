// Copies the vendored modules from node_modules to vendor/, or with --check says whether they are the same.
// Browsers resolve no bare names, so `from"preact"` becomes a path; nothing else is changed but the pointer to a
// source map that is not vendored.

import { readFile, writeFile } from 'node:fs/promises';

const files = {
  'preact/dist/preact.module.js': 'preact.js',
  'preact/hooks/dist/hooks.module.js': 'preact-hooks.js',
  'preact/LICENSE': 'LICENSE-preact',
  'htm/dist/htm.module.js': 'htm.js',
  'htm/LICENSE': 'LICENSE-htm',
  'uplot/dist/uPlot.esm.js': 'uplot.js',
  'uplot/dist/uPlot.d.ts': 'uplot.d.ts',
  'uplot/dist/uPlot.min.css': 'uplot.css',
  'uplot/LICENSE': 'LICENSE-uplot',
};

const check = process.argv.includes('--check');
let different = 0;
for (const [from, to] of Object.entries(files)) {
  const original = await readFile(new URL(`node_modules/${from}`, import.meta.url), 'utf8');
  const text = original.replace('from"preact"', 'from"./preact.js"').replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
  const path = new URL(`vendor/${to}`, import.meta.url);
  if (!check) await writeFile(path, text);
  else if (text !== (await readFile(path, 'utf8').catch(() => ''))) {
    different += 1;
    console.error(`console/vendor/${to} is not what npm has as ${from}`);
  }
}
process.exitCode = different ? 1 : 0;

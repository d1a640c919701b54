// Says, as JSON, what JSROOT makes of the objects on standard input. Its argument is JSROOT's directory.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const { parse, makeSVG, version } = await import(pathToFileURL(join(resolve(process.argv[2]), 'modules', 'main.mjs')));

const found = {};
for (const [slot, text] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  const object = parse(text);
  const seen = found[slot] = { class: object._typename };
  if (object._typename === 'TObjString') {
    seen.texts = [object.fString];
    continue;
  }
  const cells = [...Array(object.fNcells).keys()];
  const is2D = object._typename === 'TH2D';
  const width = object.fXaxis.fNbins + 2;
  seen.contents = cells.map(i => is2D ? object.getBinContent(i % width, Math.floor(i / width)) : object.getBinContent(i));
  seen.errors = cells.map(i => is2D ? object.getBinError(object.getBin(i % width, Math.floor(i / width))) : object.getBinError(i));
  for (const list of ['contents', 'errors'])
    seen[list] = seen[list].map(x => x === null ? 'NaN' : String(x)); // NaN comes as null
  const svg = await makeSVG({ object: parse(text), option: '', width: 600, height: 400 });
  seen.script = svg.includes('<script');
  seen.shapes = (svg.match(/<path/g) ?? []).length;
  seen.texts = [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map(m => m[1]);
}
process.stdout.write(JSON.stringify({ version, found }));

// Heat maps: two-dimensional histograms in colour.

import { el, svg } from './dom.js';
import { Bins, Scale, bigNumbers, ticks } from './axis.js';
import { axes, layout, message, round, statisticsLines, textWidth, title } from './frame.js';
import { snapped, unitOf } from './draw1d.js';
import { number, plainTitle, power, titleParts, toNumber } from './text.js';

// Viridis: even steps for the eye, in colours that no colour-blind eye mixes up.
const viridis = ramp(['#440154', '#481a6c', '#472f7d', '#414487', '#39568c', '#31688e', '#2a788e', '#23888e', '#1f988b', '#22a884', '#35b779', '#54c568', '#7ad151', '#a5db36', '#d2e21b', '#fde725']);
// Differences: blue below, red above, hardly any colour between.
const diverging = ramp(['#2166ac', '#4393c3', '#92c5de', '#d1e5f0', '#f7f7f7', '#fddbc7', '#f4a582', '#d6604d', '#b2182b']);

function ramp(stops) {
  const parts = stops.map(stop => [1, 3, 5].map(i => parseInt(stop.slice(i, i + 2), 16)));
  return Array.from({ length: 64 }, (_, i) => {
    const at = i / 63 * (parts.length - 1), from = Math.min(Math.floor(at), parts.length - 2);
    return parts[from].map((v, k) => Math.round(v + (parts[from + 1][k] - v) * (at - from)));
  });
}

const css = rgb => `rgb(${rgb.join(',')})`;
const vectorCells = 4096; // more become an image

/** draw2d draws a Drawing of the kind h2d; it returns what draw1d returns. */
export function draw2d(d, options, reference, width, height, clip, memo) {
  const bx = new Bins(d.x), by = new Bins(d.y);
  const titles = titleParts(d.title);
  const xTitle = bx.title || titles.x, yTitle = by.title || titles.y;
  const [x0, x1] = bx.shown(options.x, options.logx), [y0, y1] = by.shown(options.y, options.logy);
  const old = reference?.kind === 'h2d' && reference.content?.length === d.content?.length ? reference.content : null;
  const value = old ? i => toNumber(d.content[i]) - toNumber(old[i]) : i => toNumber(d.content?.[i]);

  // The range of z, of what is seen.
  let low = Infinity, high = -Infinity, negative = false, any = false;
  for (let iy = y0; iy <= y1; iy++) {
    for (let ix = x0; ix <= x1; ix++) {
      const v = value(iy * bx.n + ix);
      if (!Number.isFinite(v)) continue;
      any = true;
      if (v < 0) negative = true;
      if (options.logz && !old && !(v > 0)) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  const logz = options.logz && !old;
  const empty = !(high >= low);
  if (empty) { low = logz ? 0.1 : 0; high = 1; }
  if (old) { high = Math.max(Math.abs(low), Math.abs(high)) || 1; low = -high; }
  else if (!logz) low = Math.min(0, low);
  if (!(high > low)) high = logz ? low * 10 : low + 1;

  const yScaleOf = (from, to) => new Scale(by.edge(y0), by.edge(y1 + 1), options.logy, from, to);
  const zMarks = ticks(new Scale(low, high, logz, 200, 0), 5);
  const room = 32 + Math.ceil(Math.max(12, ...zMarks.big.map(tick => textWidth(tick.label))));
  const lines = options.stats ? statisticsLines(width, d.stats) : null;
  const area = layout(width, height, yScaleOf, xTitle || bigNumbers(bx, x0, x1), yTitle, lines ? memo.top = Math.max(memo.top ?? 0, lines.height) : 0, room);
  const xs = new Scale(bx.edge(x0), bx.edge(x1 + 1), options.logx, area.x, area.x + area.w);
  const ys = yScaleOf(area.y + area.h, area.y);
  const zs = new Scale(low, high, logz, 0, 64);
  const colours = old ? diverging : viridis;
  // -1: left blank. Nothing is not a small number; but among negative ones zero is one like others.
  const level = v => !Number.isFinite(v) || (v === 0 && !negative && !old) || (logz && !(v > 0)) ? -1 : Math.max(0, Math.min(63, Math.floor(zs.at(v))));

  const cells = svg('g', { class: 'cells', 'clip-path': `url(#${clip})` });
  if ((x1 - x0 + 1) * (y1 - y0 + 1) <= vectorCells) rectangles(cells, colours, (ix, iy) => level(value(iy * bx.n + ix)), bx, by, [x0, x1, y0, y1], xs, ys);
  else cells.append(image(colours, level, (ix, iy) => value(iy * bx.n + ix), bx, by, [x0, x1, y0, y1], xs, ys, area));

  const frame = axes(area, xs, ys, xTitle, yTitle, false);
  const nodes = [
    svg('clipPath', { id: clip }, svg('rect', { x: area.x, y: area.y, width: area.w, height: area.h })),
    svg('rect', { class: 'floor', x: area.x, y: area.y, width: area.w, height: area.h }),
    cells, frame.above, zAxis(area, colours, low, high, logz, old ? 'now − reference' : '', clip),
  ];
  if (bx.odd || by.odd) nodes.push(message(area, 'An axis has no usable range: bins are counted.'));
  else if (empty) nodes.push(message(area, any ? 'Nothing above zero to show on a logarithmic axis.' : 'No value is finite.'));
  if (lines) nodes.push(lines.group);

  return {
    nodes, area, xs, ys, bins: [bx.n, by.n],
    edgesNear: (a, b) => snapped(bx, a, b),
    range: (i, j) => [bx.edge(i), bx.edge(j + 1)],
    edgesNearY: (a, b) => snapped(by, a, b),
    binAt: (x, y) => [bx.find(xs.back(x)), by.find(ys.back(y))],
    visible: [[x0, x1], [y0, y1]],
    pick([ix, iy]) {
      if (ix < x0 || ix > x1 || iy < y0 || iy > y1) return null;
      const i = iy * bx.n + ix, v = toNumber(d.content?.[i]);
      const err = d.errors ? toNumber(d.errors[i]) : Math.sqrt(Math.abs(v));
      const lines = [
        `x ${number(bx.edge(ix))} … ${number(bx.edge(ix + 1))}${unitOf(xTitle)}`,
        `y ${number(by.edge(iy))} … ${number(by.edge(iy + 1))}${unitOf(yTitle)}`,
        Number.isFinite(v) ? `${number(v)} ± ${number(Number(err.toPrecision(3)))}` : 'no finite value',
      ];
      if (old) lines.push(`reference ${number(toNumber(old[i]))}`);
      const x = xs.at(bx.edge(ix)), y = ys.at(by.edge(iy + 1));
      return { lines, box: { x, y, width: Math.max(1, xs.at(bx.edge(ix + 1)) - x), height: Math.max(1, ys.at(by.edge(iy)) - y) } };
    },
    summary: `heat map of ${bx.n} by ${by.n} bins, x from ${number(bx.min)} to ${number(bx.max)}${xTitle ? ' in ' + plainTitle(xTitle) : ''}, y from ${number(by.min)} to ${number(by.max)}${yTitle ? ' in ' + plainTitle(yTitle) : ''}`,
  };
}

// rectangles draws one path a colour; neighbours of one colour in a row are one rectangle.
function rectangles(cells, colours, levelOf, bx, by, [x0, x1, y0, y1], xs, ys) {
  const paths = new Map();
  for (let iy = y0; iy <= y1; iy++) {
    const top = round(ys.at(by.edge(iy + 1))), bottom = round(ys.at(by.edge(iy)));
    for (let ix = x0; ix <= x1; ix++) {
      const level = levelOf(ix, iy);
      if (level < 0) continue;
      const from = round(xs.at(bx.edge(ix)));
      while (ix < x1 && levelOf(ix + 1, iy) === level) ix++;
      if (!paths.has(level)) paths.set(level, []);
      paths.get(level).push(`M${from} ${top}H${round(xs.at(bx.edge(ix + 1)))}V${bottom}H${from}Z`);
    }
  }
  for (const [level, parts] of paths) cells.append(svg('path', { fill: css(colours[level]), d: parts.join('') }));
}

// image draws many cells: a pixel of the image is a cell, or one of the screen where cells are smaller or
// of unlike size. A pixel of several cells shows the greatest.
function image(colours, level, value, bx, by, [x0, x1, y0, y1], xs, ys, area) {
  const even = !bx.edges && !by.edges && !xs.log && !ys.log && x1 - x0 < area.w && y1 - y0 < area.h;
  const across = spans(bx, x0, x1, even, Math.round(area.w), i => xs.back(area.x + area.w * i));
  const up = spans(by, y0, y1, even, Math.round(area.h), i => ys.back(area.y + area.h * (1 - i)));
  const canvas = el('canvas', { width: across.length, height: up.length });
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(across.length, up.length);
  up.forEach(([ya, yb], row) => {
    across.forEach(([xa, xb], column) => {
      let v = NaN;
      for (let iy = ya; iy <= yb; iy++) for (let ix = xa; ix <= xb; ix++) {
        const w = value(ix, iy);
        if (!(w <= v)) v = Number.isNaN(w) ? v : w;
      }
      const l = level(v), at = ((up.length - 1 - row) * across.length + column) * 4;
      if (l < 0) return;
      for (let k = 0; k < 3; k++) pixels.data[at + k] = colours[l][k];
      pixels.data[at + 3] = 255;
    });
  });
  context.putImageData(pixels, 0, 0);
  return svg('image', { x: area.x, y: area.y, width: area.w, height: area.h, preserveAspectRatio: 'none', href: canvas.toDataURL() });
}

function spans(bins, first, last, even, pixels, back) {
  if (even) return Array.from({ length: last - first + 1 }, (_, i) => [first + i, first + i]);
  return Array.from({ length: pixels }, (_, i) => {
    const a = Math.max(first, Math.min(last, bins.find(back(i / pixels))));
    const b = Math.max(first, Math.min(last, bins.find(back((i + 1) / pixels))));
    return [a, Math.max(a, b > a ? b - 1 : b)];
  });
}

function zAxis(area, colours, low, high, log, name, clip) {
  const x = area.x + area.w + 10;
  const scale = new Scale(low, high, log, area.y + area.h, area.y);
  const marks = ticks(scale, area.h / 38);
  const gradient = svg('linearGradient', { id: clip + 'z', x1: 0, y1: 1, x2: 0, y2: 0 });
  for (let i = 0; i < 64; i += 3) gradient.append(svg('stop', { offset: i / 63, 'stop-color': css(colours[i]) }));
  const group = svg('g', { class: 'labels' }, gradient,
    svg('rect', { x, y: area.y, width: 10, height: area.h, fill: `url(#${clip}z)` }));
  for (const { at, label } of marks.big) group.append(svg('text', { x: x + 14, y: round(at) + 4, text: label }));
  if (marks.exponent) group.append(svg('text', { x: x + 10, y: area.y - 8, 'text-anchor': 'end', text: '×' + power(marks.exponent) }));
  if (name) group.append(title(name, { x: area.x + area.w, y: area.y - 4, 'text-anchor': 'end' }));
  return group;
}

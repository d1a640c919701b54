// What drawings have in common: the area between the axes, ticks with labels, titles, the statistics box.

import { el, svg } from './dom.js';
import { ticks } from './axis.js';
import { power, titleRuns, visible } from './text.js';

const ruler = el('canvas').getContext('2d');

/** textWidth is the width of a text of the usual size in a drawing, in pixels. */
export function textWidth(text) {
  if (!ruler.font.startsWith('11px')) ruler.font = '11px ' + getComputedStyle(document.body).fontFamily;
  return ruler.measureText(text).width;
}

/**
 * layout is the area that is left for data, for a given y axis and the titles; top is room wanted above,
 * right that at the right.
 */
export function layout(width, height, yScaleOf, xTitle, yTitle, top = 0, right = 14) {
  const below = xTitle ? 40 : 26;
  const area = { x: 0, y: 14 + top, w: 0, h: Math.max(30, height - 14 - below - top) };
  const scale = yScaleOf(area.y + area.h, area.y);
  const marks = ticks(scale, area.h / 38);
  const widest = Math.max(8, ...marks.big.map(tick => textWidth(tick.label)));
  if (marks.exponent) { area.y += 10; area.h -= 10; }
  area.x = Math.ceil(widest) + 14 + (yTitle ? 18 : 0);
  area.w = Math.max(30, width - area.x - right);
  return area;
}

/** axes draws grid, axes, ticks, labels and titles. */
export function axes(area, xs, ys, xTitle, yTitle, grid = true) {
  const bottom = area.y + area.h, right = area.x + area.w;
  const x = ticks(xs, area.w / 55), y = ticks(ys, area.h / 38);
  const lines = [], marks = [], labels = svg('g', { class: 'labels' });
  for (const { at, label } of y.big) {
    if (grid) lines.push(`M${area.x} ${round(at)}H${right}`);
    marks.push(`M${area.x} ${round(at)}h5`);
    labels.append(svg('text', { x: area.x - 7, y: round(at) + 4, 'text-anchor': 'end', text: label }));
  }
  for (const at of y.small) marks.push(`M${area.x} ${round(at)}h3`);
  for (const { at, label } of x.big) {
    marks.push(`M${round(at)} ${bottom}v-5`);
    labels.append(svg('text', { x: round(at), y: bottom + 16, 'text-anchor': 'middle', text: label }));
  }
  for (const at of x.small) marks.push(`M${round(at)} ${bottom}v-3`);
  if (y.exponent) labels.append(svg('text', { x: area.x, y: area.y - 8, 'text-anchor': 'start', text: '×' + power(y.exponent) }));
  // The power of ten has the place at the end of the axis, the title that before it.
  let end = right;
  if (x.exponent) {
    labels.append(svg('text', { x: right, y: bottom + 33, 'text-anchor': 'end', text: '×' + power(x.exponent) }));
    end -= 44;
  }
  const titles = svg('g', { class: 'titles' });
  if (xTitle) titles.append(title(xTitle, { x: end, y: bottom + 33, 'text-anchor': 'end' }, end - area.x));
  if (yTitle) titles.append(title(yTitle, { transform: `translate(12 ${area.y}) rotate(-90)`, 'text-anchor': 'end' }, area.h));
  return {
    below: grid ? svg('path', { class: 'grid', d: lines.join('') }) : null,
    above: svg('g', {},
      svg('path', { class: 'axis', d: `M${area.x} ${area.y}V${bottom}H${right}${marks.join('')}` }), labels, titles),
  };
}

/** title draws a ROOT-like title with raised and lowered parts; wider than room pixels it is cut. */
export function title(source, attributes, room = Infinity) {
  const text = svg('text', attributes);
  let shift = 0;
  for (const run of titleRuns(source)) {
    const want = run.level > 0 ? -4 : run.level < 0 ? 3 : 0;
    const width = textWidth(run.text) * (run.level ? 0.82 : 1.1);
    const piece = width > room ? run.text.slice(0, Math.max(0, Math.floor(run.text.length * room / width) - 2)) + '…' : run.text;
    text.append(svg('tspan', { class: run.level ? 'small' : null, 'font-size': run.level ? '0.75em' : null, dy: want === shift ? null : want - shift, text: piece }));
    shift = want;
    room -= width;
    if (room <= 0) break;
  }
  return text;
}

// boxSize is how large the statistics are as a box.
function boxSize(lines) {
  const longest = i => Math.max(...lines.map(line => textWidth(line[i])));
  return { w: Math.round(longest(0) + longest(1)) + 30, h: lines.length * 15 + 9 };
}

/**
 * corner is where a box with the statistics hides nothing: 'right', 'left', or '' if nowhere. top says how
 * high up data reach between two pixels.
 */
export function corner(area, lines, top) {
  if (!lines?.length) return '';
  const { w, h } = boxSize(lines);
  if (w > area.w / 2 || h > area.h * 0.8) return '';
  if (top(area.x + area.w - w - 6, area.x + area.w) > area.y + h + 6) return 'right';
  return top(area.x, area.x + w + 12) > area.y + h + 6 ? 'left' : '';
}

/** statisticsBox draws the lines [name, text] in a box in a corner of the area. */
export function statisticsBox(area, lines, where) {
  const { w, h } = boxSize(lines);
  const x = where === 'left' ? area.x + 8 : area.x + area.w - w - 2, y = area.y + 2;
  const box = svg('g', { class: 'stats' }, svg('rect', { x, y, width: w, height: h, rx: 5 }));
  lines.forEach(([name, value], i) => box.append(
    svg('text', { class: 'name', x: x + 8, y: y + 16 + i * 15, text: visible(name) }),
    svg('text', { x: x + w - 8, y: y + 16 + i * 15, 'text-anchor': 'end', text: visible(value) })));
  return box;
}

/** statisticsLines draws them in lines above the area, where a box has no place; height is what they need. */
export function statisticsLines(width, lines) {
  const group = svg('g', { class: 'stats' });
  let x = 8, y = 14;
  for (const [name, value] of lines ?? []) {
    const w = textWidth(name) + textWidth(value) + 20;
    if (x > 8 && x + w - 14 > width) { x = 8; y += 16; }
    group.append(svg('text', { x, y }, svg('tspan', { class: 'name', text: visible(name) + '\u2004' }), svg('tspan', { text: visible(value) })));
    x += w;
  }
  return { group, height: lines?.length ? y + 2 : 0 };
}

/** message is a line in the middle of the area. */
export function message(area, text) {
  return svg('text', { class: 'message', x: area.x + area.w / 2, y: area.y + area.h / 2, 'text-anchor': 'middle', text });
}

/** round keeps SVG short: tenths of a pixel. */
export function round(v) {
  return Math.round(v * 10) / 10;
}


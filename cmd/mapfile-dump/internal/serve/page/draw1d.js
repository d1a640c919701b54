// Histograms and profiles over x: steps with a filled area, or points with error bars.

import { svg } from './dom.js';
import { Bins, Scale, bigNumbers } from './axis.js';
import { axes, corner, layout, message, round, statisticsBox, statisticsLines } from './frame.js';
import { number, titleParts, plainTitle, toNumber } from './text.js';

/**
 * draw1d draws a Drawing of the kind h1d or p1d into width by height pixels. It returns the SVG nodes, and
 * what a pointer needs: the area, the scale of x, and pick. memo is the caller's, for what should stay as it
 * was in the drawing before.
 */
export function draw1d(d, options, reference, width, height, clip, memo) {
  const bins = new Bins(d.x);
  const profile = d.kind === 'p1d';
  const titles = titleParts(d.title);
  const xTitle = bins.title || titles.x, yTitle = d.y?.title || titles.y;
  const [first, last] = bins.shown(options.x, options.logx);
  const now = columns(d, bins.n);
  const old = reference?.kind === d.kind ? { ...columns(reference, reference.content.length), bins: new Bins(reference.x) } : null;
  const bars = profile || options.errors;

  const range = yRange(now, first, last, bars, options.logy, profile);
  if (old) {
    const [a, b] = old.bins.shown([bins.edge(first), bins.edge(last + 1)], options.logx);
    yRange(old, a, b, bars, options.logy, profile, range);
  }
  finish(range, options.logy, profile);
  const yScaleOf = (from, to) => new Scale(range.low, range.high, options.logy, from, to);
  const stats = options.stats && d.stats?.length ? d.stats : null;
  const lines = stats && statisticsLines(width, stats);
  let area, xs, ys;
  const place = top => {
    area = layout(width, height, yScaleOf, xTitle || bigNumbers(bins, first, last), yTitle, top);
    xs = new Scale(bins.edge(first), bins.edge(last + 1), options.logx, area.x, area.x + area.w);
    ys = yScaleOf(area.y + area.h, area.y);
  };
  place(0);
  const room = !stats || memo.corner === '' ? '' : corner(area, stats, (from, to) => highest(now, bins, xs, ys, from, to, bars));
  // A box stays where it is as long as it can, and does not come back by itself.
  if (stats) memo.corner = memo.corner === undefined || room === '' ? room : memo.corner === 'left' && room === 'right' ? 'left' : room;
  if (stats && memo.corner === '') place(memo.top = Math.max(memo.top ?? 0, lines.height));
  const frame = axes(area, xs, ys, xTitle, yTitle);

  const data = svg('g', { 'clip-path': `url(#${clip})` });
  if (profile) {
    if (old) data.append(points(old, old.bins, xs, ys, 'reference'));
    data.append(points(now, bins, xs, ys, 'now', first, last));
  } else {
    const base = Math.max(area.y, Math.min(area.y + area.h, ys.at(options.logy ? -1 : 0)));
    const shape = steps(now, bins, first, last, xs, ys, base);
    data.append(svg('path', { class: 'area', d: shape.area }), svg('path', { class: 'line', d: shape.line }));
    if (bars && last - first < area.w) data.append(svg('path', { class: 'bars', d: errorBars(now, bins, first, last, xs, ys) }));
    if (old) {
      const [a, b] = old.bins.shown([bins.edge(first), bins.edge(last + 1)], options.logx);
      data.append(svg('path', { class: 'line reference', d: steps(old, old.bins, a, b, xs, ys, base).line }));
    }
  }
  const nodes = [
    svg('clipPath', { id: clip }, svg('rect', { x: area.x, y: area.y - 2, width: area.w + 1, height: area.h + 3 })),
    frame.below, data, frame.above,
  ];
  if (bins.odd) nodes.push(message(area, 'The axis has no usable range: bins are counted.'));
  else if (range.empty) nodes.push(message(area, options.logy && !range.blank ? 'Nothing above zero to show on a logarithmic axis.' : 'No value is finite.'));
  if (stats) nodes.push(memo.corner ? statisticsBox(area, stats, memo.corner) : lines.group);

  return {
    nodes, area, xs, bins: [bins.n, 1],
    edgesNear: (a, b) => snapped(bins, a, b),
    range: (i, j) => [bins.edge(i), bins.edge(j + 1)],
    binAt: (x, _y) => [bins.find(xs.back(x)), 0],
    visible: [[first, last], [0, 0]],
    pick([i]) {
      if (i < first || i > last) return null;
      const v = now.value[i], err = now.error(i);
      const lines = [`${number(bins.edge(i))} … ${number(bins.edge(i + 1))}${unitOf(xTitle)}`];
      lines.push(Number.isFinite(v) ? `${number(v)} ± ${number(Number(err.toPrecision(3)))}${unitOf(yTitle)}` : 'nothing here');
      if (old) {
        const j = old.bins.find(bins.edge(i) / 2 + bins.edge(i + 1) / 2), w = old.value[j];
        lines.push(`reference ${number(w)}${w ? ` (${change(v, w)})` : ''}`);
      }
      const x = xs.at(bins.edge(i)), w = xs.at(bins.edge(i + 1)) - x;
      return { lines, box: { x, y: area.y, width: Math.max(1, w), height: area.h }, dot: Number.isFinite(v) ? { x: x + w / 2, y: Math.max(area.y, Math.min(area.y + area.h, ys.at(v))) } : null };
    },
    summary: `${profile ? 'profile' : 'histogram'} of ${bins.n} bins from ${number(bins.min)} to ${number(bins.max)}${xTitle ? ' in ' + plainTitle(xTitle) : ''}`,
  };
}

/** snapped is the range a..b widened to whole bins. */
export function snapped(bins, a, b) {
  const i = bins.find(a), j = bins.find(b);
  return [bins.edge(i), bins.edge(j + 1)];
}

/** unitOf is the [unit] of a title. */
export function unitOf(title) {
  const unit = /\[([^\]]+)\]\s*$/.exec(title ?? '');
  return unit ? ' ' + plainTitle(unit[1]) : '';
}

function change(v, w) {
  const percent = (v - w) / Math.abs(w) * 100;
  return `${percent >= 0 ? '+' : '−'}${Math.abs(percent).toPrecision(3)} %`;
}

// columns gives values, and errors where they are not left out.
function columns(d, n) {
  const value = new Float64Array(n).fill(NaN), errors = d.errors;
  for (let i = 0; i < n; i++) value[i] = toNumber(d.content?.[i]);
  return { value, error: i => errors ? toNumber(errors[i]) : Math.sqrt(Math.abs(value[i])) };
}

// yRange grows a range by the values from first to last.
function yRange(c, first, last, bars, log, profile, range = { low: Infinity, high: -Infinity, blank: true }) {
  for (let i = first; i <= last; i++) {
    const v = c.value[i];
    if (!Number.isFinite(v)) continue;
    range.blank = false;
    const e = bars ? c.error(i) || 0 : 0;
    if (log) {
      if (!(v > 0)) continue;
      if (v < range.low) range.low = v;
      if (v + e > range.high) range.high = v + e;
      continue;
    }
    if (v - e < range.low) range.low = v - e;
    if (v + e > range.high) range.high = v + e;
  }
  return range;
}

// finish leaves some room, and a range where there was nothing.
function finish(range, log, profile) {
  range.empty = !(range.high >= range.low) || !Number.isFinite(range.high - range.low);
  if (range.empty) { range.low = log ? 0.1 : 0; range.high = 1; return; }
  if (log) {
    range.low *= 0.5;
    range.high *= (range.high / range.low) ** 0.08;
    return;
  }
  if (!profile) { range.low = Math.min(0, range.low); range.high = Math.max(0, range.high); }
  if (range.low === range.high) { range.low -= profile ? Math.abs(range.low) / 2 || 1 : 0; range.high += Math.abs(range.high) / 2 || 1; }
  const room = (range.high - range.low) * 0.07;
  if (range.high !== 0) range.high += room;
  if (range.low !== 0) range.low -= room;
}

// steps is the outline of a histogram. Where many bins share a pixel it goes through their least and
// greatest, so that the picture is the same and small.
function steps(c, bins, first, last, xs, ys, base) {
  const line = [], area = [];
  let open = false, x = 0;
  const close = () => { if (open) area.push(`V${round(base)}Z`); open = false; };
  const dense = last - first > 2 * Math.abs(xs.to - xs.from);
  for (let i = first; i <= last; i++) {
    const v = c.value[i];
    if (!Number.isFinite(v)) { close(); continue; }
    let end = round(xs.at(bins.edge(i + 1)));
    let y = round(ys.at(v));
    if (!open) {
      x = round(xs.at(bins.edge(i)));
      line.push(`M${x} ${round(base)}V${y}`);
      area.push(`M${x} ${round(base)}V${y}`);
      open = true;
    }
    if (dense) {
      let low = v, high = v;
      while (i < last && Math.floor(xs.at(bins.edge(i + 1))) === Math.floor(x) && Number.isFinite(c.value[i + 1])) {
        i++;
        low = Math.min(low, c.value[i]);
        high = Math.max(high, c.value[i]);
      }
      end = round(xs.at(bins.edge(i + 1)));
      line.push(`V${round(ys.at(low))}V${round(ys.at(high))}H${end}`);
      area.push(`V${round(ys.at(high))}H${end}`);
    } else {
      line.push(`V${y}H${end}`);
      area.push(`V${y}H${end}`);
    }
    x = end;
    if (i === last || !Number.isFinite(c.value[i + 1])) line.push(`V${round(base)}`);
  }
  close();
  return { line: line.join(''), area: area.join('') };
}

function errorBars(c, bins, first, last, xs, ys) {
  const parts = [];
  for (let i = first; i <= last; i++) {
    const v = c.value[i], e = c.error(i);
    if (!Number.isFinite(v) || !(e > 0)) continue;
    const x = round((xs.at(bins.edge(i)) + xs.at(bins.edge(i + 1))) / 2);
    parts.push(`M${x} ${round(ys.at(v - e))}V${round(ys.at(v + e))}`);
  }
  return parts.join('');
}

// points are a profile: a mark at each mean, as wide as its bin, with the error of the mean.
function points(c, bins, xs, ys, name, first = 0, last = bins.n - 1) {
  const group = svg('g', { class: `points ${name}` });
  const dots = [], bars = [];
  for (let i = first; i <= last; i++) {
    const v = c.value[i];
    if (!Number.isFinite(v)) continue;
    const from = xs.at(bins.edge(i)), to = xs.at(bins.edge(i + 1)), y = round(ys.at(v)), x = round((from + to) / 2);
    bars.push(`M${round(from)} ${y}H${round(to)}`);
    const e = c.error(i);
    if (e > 0) bars.push(`M${x} ${round(ys.at(v - e))}V${round(ys.at(v + e))}`);
    if (last - first < 400) dots.push(`M${x - 2} ${y}a2 2 0 1 0 4 0a2 2 0 1 0 -4 0`);
  }
  group.append(svg('path', { class: 'bars', d: bars.join('') }), svg('path', { class: 'dots', d: dots.join('') }));
  return group;
}

// highest is the uppermost pixel of the data between two pixels of x.
function highest(c, bins, xs, ys, from, to, bars) {
  const last = bins.find(xs.back(to));
  let most = -Infinity;
  for (let i = bins.find(xs.back(from)); i <= last; i++) {
    const v = c.value[i] + (bars ? c.error(i) || 0 : 0);
    if (v > most) most = v;
  }
  return most === -Infinity ? ys.from : ys.at(most);
}

// Axes: where bins lie, where numbers lie on the screen, and where ticks are put.

import { toNumber, fixed, power } from './text.js';

/** Bins divides a range, as an axis of a Drawing says. Edges that make no sense are counted instead. */
export class Bins {
  constructor(axis) {
    this.n = Math.max(0, Number(axis?.bins) || 0);
    this.title = axis?.title ?? '';
    let min = toNumber(axis?.min), max = toNumber(axis?.max);
    this.edges = null;
    if (axis?.edges?.length === this.n + 1) {
      const edges = axis.edges.map(toNumber);
      if (edges.every((e, i) => Number.isFinite(e) && (i === 0 || e > edges[i - 1]))) this.edges = edges;
      else min = max = NaN;
    }
    this.odd = !this.edges && !(Number.isFinite(min) && Number.isFinite(max) && max > min && Number.isFinite(max - min));
    [this.min, this.max] = this.edges ? [this.edges[0], this.edges[this.n]] : this.odd ? [0, this.n] : [min, max];
  }

  /** edge is the lower edge of bin i; edge(n) is the end. */
  edge(i) {
    if (this.edges) return this.edges[i];
    return i === this.n ? this.max : this.min + i * ((this.max - this.min) / this.n);
  }

  /** find is the bin that holds v, or the nearest. */
  find(v) {
    let low = 0, high = this.n - 1;
    if (!this.edges) {
      const i = Math.floor((v - this.min) / (this.max - this.min) * this.n);
      // Rounding may be one off.
      low = Math.min(Math.max(i - 1, 0), this.n - 1);
      high = Math.min(low + 2, this.n - 1);
    }
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.edge(middle) <= v) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** shown is the range of the bins that a wanted range [a, b] touches, as first and last bin. */
  shown(range, log) {
    let first = 0, last = this.n - 1;
    if (range) {
      const a = Math.max(range[0], this.min), b = Math.min(range[1], this.max);
      if (a < b) {
        first = this.find(a);
        last = this.find(b);
        if (last > first && this.edge(last) >= b) last--;
      }
    }
    if (log) while (first < last && this.edge(first) <= 0) first++;
    return [first, last];
  }
}

/** Scale maps min..max to pixels from..to, evenly or by the logarithm. */
export class Scale {
  constructor(min, max, log, from, to) {
    if (!(max > min)) max = min + (Math.abs(min) || 1);
    if (log && !(min > 0)) min = max > 0 ? max / 1000 : (max = 1, 0.001);
    Object.assign(this, { min, max, log, from, to });
    this.low = log ? Math.log10(min) : min;
    this.span = (log ? Math.log10(max) : max) - this.low;
  }

  /** at is where v is; on a logarithmic scale what is not positive is far below. */
  at(v) {
    const u = this.log ? (v > 0 ? Math.log10(v) : -1e4) : v;
    // Far outside is cut: SVG holds no such numbers.
    return this.from + (this.to - this.from) * Math.max(-20, Math.min(20, (u - this.low) / this.span));
  }

  /** back is the number at a pixel. */
  back(pixel) {
    const u = this.low + (pixel - this.from) / (this.to - this.from) * this.span;
    return this.log ? 10 ** u : u;
  }
}

/** powerOf is the power of ten that is taken out of the labels up to a size. */
function powerOf(size) {
  return size >= 1e5 || (size < 1e-2 && size > 0) ? 3 * Math.floor(Math.log10(size) / 3) : 0;
}

/** bigNumbers says whether bins from first to last have labels with a power of ten. */
export function bigNumbers(bins, first, last) {
  return powerOf(Math.max(Math.abs(bins.edge(first)), Math.abs(bins.edge(last + 1)))) !== 0;
}

/** ticks of a scale, at most about n: [{at, label}], small marks [at], and a power of ten of all labels. */
export function ticks(scale, n) {
  return scale.log ? logTicks(scale, n) : linearTicks(scale, n);
}

function linearTicks(scale, n) {
  const span = scale.max - scale.min;
  let step = 10 ** Math.floor(Math.log10(span / Math.max(1, n)));
  const parts = [1, 2, 5, 10].find(m => span / (step * m) <= n) ?? 10;
  step *= parts;
  const exponent = powerOf(Math.max(Math.abs(scale.min), Math.abs(scale.max)));
  const unit = 10 ** exponent;
  const decimals = Math.max(0, Math.min(12, -Math.floor(Math.log10(step / unit) + 1e-9)));
  const big = [], small = [];
  const fine = step / (parts === 2 ? 4 : 5);
  const first = Math.ceil(scale.min / fine - 1e-6), last = Math.floor(scale.max / fine + 1e-6);
  if (!(last - first < 1000)) return { big, small, exponent: 0 };
  for (let i = first; i <= last; i++) {
    const v = i * fine;
    if (i % Math.round(step / fine) === 0) big.push({ at: scale.at(v), label: fixed(v / unit, decimals) });
    else small.push(scale.at(v));
  }
  return { big, small, exponent };
}

function logTicks(scale, n) {
  const first = Math.floor(scale.low), last = Math.ceil(scale.low + scale.span);
  const big = [], small = [];
  const every = Math.max(1, Math.ceil(scale.span / Math.max(1, n)));
  const between = scale.span > 1.6 ? [] : scale.span > 1 ? [2, 5] : scale.span > 0.5 ? [2, 3, 4, 6] : [2, 3, 4, 5, 6, 7, 8, 9];
  const inside = v => v >= scale.min * (1 - 1e-9) && v <= scale.max * (1 + 1e-9);
  for (let e = first; e <= last; e++) {
    const decade = 10 ** e;
    if (inside(decade)) {
      if (e % every === 0) big.push({ at: scale.at(decade), label: decadeLabel(e) });
      else small.push(scale.at(decade));
    }
    if (every > 1) continue;
    for (let m = 2; m < 10; m++) {
      if (!inside(m * decade)) continue;
      if (between.includes(m)) big.push({ at: scale.at(m * decade), label: mantissaLabel(m, e) });
      else small.push(scale.at(m * decade));
    }
  }
  return big.length < 2 ? linearTicks(scale, n) : { big, small, exponent: 0 };
}

function decadeLabel(e) {
  return e === 0 ? '1' : e === 1 ? '10' : power(e);
}

function mantissaLabel(m, e) {
  return e >= -2 && e <= 3 ? String(Number((m * 10 ** e).toPrecision(3))) : `${m}·${power(e)}`;
}

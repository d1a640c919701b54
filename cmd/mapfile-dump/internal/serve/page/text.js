// Numbers, ages, names and titles as texts for people.

const minus = '\u2212';
const raised = { '-': '\u207b', 0: '\u2070', 1: '\u00b9', 2: '\u00b2', 3: '\u00b3', 4: '\u2074', 5: '\u2075', 6: '\u2076', 7: '\u2077', 8: '\u2078', 9: '\u2079' };

/** toNumber reads a number of the server's JSON; NaN for null. */
export function toNumber(v) {
  return v === null || v === undefined ? NaN : Number(v);
}

/** number shows up to six digits, whole numbers whole. */
export function number(v) {
  if (Number.isNaN(v)) return '\u2013';
  if (!Number.isFinite(v)) return (v < 0 ? minus : '') + '\u221e';
  const size = Math.abs(v);
  let text;
  if (Number.isInteger(v) && size < 1e12) text = size.toLocaleString('en-US');
  else if (size >= 1e7 || size < 1e-4) text = times10(size);
  else text = trim(size.toPrecision(6));
  return v < 0 ? minus + text : text;
}

/** power is 10 to the n. */
export function power(n) {
  return '10' + String(n).replace(/./g, c => raised[c] ?? c);
}

function times10(size) {
  const [digits, exponent] = size.toExponential(4).split('e');
  return `${trim(digits)}\u2009\u00d7\u2009${power(Number(exponent))}`;
}

function trim(digits) {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}

/** fixed shows a number with that many decimals. */
export function fixed(v, decimals) {
  const text = Math.abs(v).toFixed(decimals);
  return v < 0 && Number(text) !== 0 ? minus + text : text;
}

/** seconds shows a duration, such as an age, in a few characters. */
export function seconds(s) {
  if (s === null || Number.isNaN(s)) return '';
  if (s < 0.95) return `${Math.max(0, s).toFixed(1)} s`;
  for (const [unit, size, limit] of [['s', 1, 99.5], ['min', 60, 99 * 60], ['h', 3600, 48 * 3600]]) {
    if (s < limit) return `${Math.round(s / size)} ${unit}`;
  }
  return `${Math.round(s / 86400)} d`;
}

/** rate shows how often a second. */
export function rate(r) {
  if (!(r > 0)) return '';
  return `${r >= 9.95 ? Math.round(r).toLocaleString('en-US') : trim(r.toPrecision(2))}/s`;
}

/** bytes shows a size. */
export function bytes(n) {
  let i = 0;
  for (; n >= 1023.5 && i < 4; i++) n /= 1024;
  return `${i === 0 || n >= 99.5 ? Math.round(n) : trim(n.toPrecision(3))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][i]}`;
}

// What would not be seen, or would move what stands beside it.
// eslint-disable-next-line no-control-regex
const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|[\u{e0000}-\u{e0fff}]/gu;
const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** visible escapes control, bidirectional and invisible characters as mapfile-dump does elsewhere. */
export function visible(text) {
  return String(text).replace(invisible, c => {
    const code = c.codePointAt(0);
    if (short[c]) return short[c];
    if (code < 0x100) return '\\x' + code.toString(16).padStart(2, '0');
    return code < 0x10000 ? '\\u' + code.toString(16).padStart(4, '0') : '\\U' + code.toString(16).padStart(8, '0');
  });
}

/** itemParts reads the label of the file and the name of the slot from an item. */
export function itemParts(item) {
  const cut = item.indexOf('/');
  if (cut < 0) return { label: unescape(item), name: '' };
  return { label: unescape(item.slice(0, cut)), name: unescape(item.slice(cut + 1)) };
}

// unescape undoes %XX; a name need not be UTF-8.
function unescape(text) {
  const octets = [];
  for (let i = 0; i < text.length; i++) {
    const code = text[i] === '%' ? parseInt(text.slice(i + 1, i + 3), 16) : NaN;
    if (Number.isNaN(code)) octets.push(...new TextEncoder().encode(text[i]));
    else { octets.push(code); i += 2; }
  }
  return new TextDecoder().decode(new Uint8Array(octets));
}

/** titleParts splits "title;x title;y title". */
export function titleParts(title) {
  const [main, x = '', y = ''] = String(title ?? '').split(';');
  return { main: main.trim(), x: x.trim(), y: y.trim() };
}

const symbols = {
  alpha: 'α', beta: 'β', gamma: 'γ', delta: 'δ', epsilon: 'ε', varepsilon: 'ε', zeta: 'ζ', eta: 'η', theta: 'θ', iota: 'ι',
  kappa: 'κ', lambda: 'λ', mu: 'μ', nu: 'ν', xi: 'ξ', omicron: 'ο', pi: 'π', rho: 'ρ', sigma: 'σ', tau: 'τ', upsilon: 'υ',
  phi: 'φ', varphi: 'φ', chi: 'χ', psi: 'ψ', omega: 'ω', Gamma: 'Γ', Delta: 'Δ', Theta: 'Θ', Lambda: 'Λ', Xi: 'Ξ', Pi: 'Π',
  Sigma: 'Σ', Upsilon: 'Υ', Phi: 'Φ', Psi: 'Ψ', Omega: 'Ω', pm: '±', times: '×', cdot: '·', sqrt: '√', infty: '∞',
  rightarrow: '→', leftarrow: '←', leq: '≤', geq: '≥', approx: '≈', neq: '≠', circ: '°', degree: '°', sum: '∑', int: '∫',
  ell: 'ℓ', hbar: 'ℏ', partial: '∂', nabla: '∇', perp: '⊥', parallel: '∥', it: '', bf: '', rm: '',
};

/**
 * titleRuns reads a ROOT-like title, "p_{x} [#mum^{2}]", as pieces {text, level}: level 0 on the line,
 * 1 raised, -1 lowered. What it does not understand is one piece, as it was written.
 */
export function titleRuns(title) {
  const source = String(title);
  const runs = [];
  const add = (text, level) => {
    const last = runs.at(-1);
    if (last && last.level === level) last.text += text;
    else if (text) runs.push({ text, level });
  };
  const parse = (at, level, inner) => { // to the end, or to the } of a group; -1: not understood
    while (at < source.length) {
      const c = source[at];
      if (c === '}') return inner ? at + 1 : -1;
      if ((c === '_' || c === '^') && at > 0 && at + 1 < source.length) {
        const next = c === '^' ? 1 : -1;
        if (source[at + 1] === '{') {
          if (level !== 0 || (at = parse(at + 2, next, true)) < 0) return -1;
          continue;
        }
        if (c === '^' && /[\w+*−-]/.test(source[at + 1]) && level === 0) { // x^2; a_name stays
          add(source[at + 1], next);
          at += 2;
          continue;
        }
      }
      if (c === '{') {
        if ((at = parse(at + 1, level, true)) < 0) return -1;
        continue;
      }
      const name = c === '#' || c === '\\' ? /^[A-Za-z]+/.exec(source.slice(at + 1))?.[0] : undefined;
      if (name) {
        // "#mum" is μm: the longest symbol that it begins with.
        let known = name;
        while (known && !Object.hasOwn(symbols, known)) known = known.slice(0, -1);
        if (!known) return -1;
        add(symbols[known], level);
        at += 1 + known.length;
        continue;
      }
      add(c, level);
      at++;
    }
    return inner ? -1 : at;
  };
  const understood = parse(0, 0, false) >= 0 ? runs : [{ text: source, level: 0 }];
  return understood.map(({ text, level }) => ({ text: visible(text), level }));
}

/** plainTitle is a title without its marks, for what has only one line. */
export function plainTitle(title) {
  return titleRuns(title).map(run => run.text).join('');
}

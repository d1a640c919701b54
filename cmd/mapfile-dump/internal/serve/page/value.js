// Values that are no histograms: a tree that opens and closes and is changed in place, so that what one
// reads or has selected stays where it is; and bytes in hexadecimal.

import { el, setText } from './dom.js';
import { bytes, visible } from './text.js';

const firstChildren = 100, moreChildren = 1000, deepest = 64;

/** ValueTree shows one value after the other in host. */
export class ValueTree {
  #root = null;

  constructor(host) {
    this.host = host;
  }

  /** show shows a value; kept is an earlier one to compare with, or undefined. */
  show(value, kept) {
    if (!this.#root?.fits(value)) {
      this.#root = make(null, value, 0);
      this.host.replaceChildren(this.#root.element);
    }
    this.#root.update(value, kept);
  }
}

const isNode = v => v !== null && typeof v === 'object';
const make = (key, value, depth) => isNode(value) && depth < deepest ? new Branch(key, value, depth) : new Leaf(key, depth);

class Leaf {
  constructor(key, depth) {
    this.depth = depth;
    this.value = el('span', { class: 'value' });
    this.was = el('span', { class: 'was', hidden: true });
    this.element = el('div', { class: key === null ? 'leaf alone' : 'leaf' }, keyOf(key), this.value, this.was);
  }

  fits(value) {
    return !isNode(value) || this.depth >= deepest;
  }

  update(value, kept) {
    setText(this.value, leafText(value));
    const type = value === null ? 'null' : typeof value;
    if (this.value.dataset.type !== type) this.value.dataset.type = type;
    const differs = kept !== undefined && leafText(kept) !== leafText(value);
    this.was.hidden = !differs;
    if (differs) setText(this.was, `was ${leafText(kept)}`);
  }
}

class Branch {
  #children = new Map();
  #limit = firstChildren;
  #last;

  constructor(key, value, depth) {
    this.depth = depth;
    this.isList = Array.isArray(value);
    this.count = el('span', { class: 'count' });
    this.list = el('div', { class: 'children' });
    this.more = el('button', { type: 'button', class: 'text more', hidden: true, click: () => { this.#limit += moreChildren; this.update(...this.#last); } });
    this.element = el('details', { class: 'branch', toggle: () => this.#last && this.update(...this.#last) },
      el('summary', {}, keyOf(key), this.count), this.list, this.more);
    this.element.open = depth < 2 && Object.keys(value).length <= 40 || depth === 0;
  }

  fits(value) {
    return isNode(value) && Array.isArray(value) === this.isList;
  }

  update(value, kept) {
    this.#last = [value, kept];
    const keys = this.isList ? null : Object.keys(value);
    const n = this.isList ? value.length : keys.length;
    setText(this.count, this.isList ? `${n.toLocaleString('en-US')} ${n === 1 ? 'element' : 'elements'}` : `${n.toLocaleString('en-US')} ${n === 1 ? 'field' : 'fields'}`);
    if (!this.element.open) return; // filled when it is opened
    const shown = Math.min(n, this.#limit), present = new Set();
    let place = this.list.firstChild;
    for (let i = 0; i < shown; i++) {
      const key = this.isList ? String(i) : keys[i];
      present.add(key);
      let child = this.#children.get(key);
      if (!child?.fits(value[key])) {
        const next = make(key, value[key], this.depth + 1);
        if (child) { child.element.replaceWith(next.element); if (place === child.element) place = next.element; }
        this.#children.set(key, next);
        child = next;
      }
      if (child.element === place) place = place.nextSibling;
      else this.list.insertBefore(child.element, place);
      child.update(value[key], isNode(kept) && Object.hasOwn(kept, key) ? kept[key] : undefined);
    }
    for (const [key, child] of this.#children) if (!present.has(key)) { child.element.remove(); this.#children.delete(key); }
    this.more.hidden = shown === n;
    if (shown < n) setText(this.more, `${(n - shown).toLocaleString('en-US')} more`);
  }
}

function keyOf(key) {
  return key === null ? null : el('span', { class: 'key', text: visible(key) });
}

function leafText(v) {
  if (typeof v === 'string') return /^-?\d+$|^-?Infinity$|^NaN$/.test(v) ? v : `"${visible(v)}"`;
  return isNode(v) ? '…' : String(v).replace(/^-/, '\u2212');
}

/** hexHead shows the first bytes, given in base64, of a payload of so many, and why it is bytes. */
export function hexHead(host, base64, length, why) {
  const head = Uint8Array.from(atob(base64 ?? ''), c => c.charCodeAt(0));
  const lines = [];
  for (let i = 0; i < head.length; i += 16) {
    const row = [...head.slice(i, i + 16)];
    const hex = row.map(b => b.toString(16).padStart(2, '0'));
    const text = row.map(b => b > 31 && b < 127 ? String.fromCharCode(b) : '.').join('');
    lines.push(`${i.toString(16).padStart(8, '0')}  ${hex.slice(0, 8).join(' ').padEnd(23)}  ${hex.slice(8).join(' ').padEnd(23)}  ${text}`);
  }
  const size = length > head.length ? `first ${bytes(head.length)} of ${bytes(length)}` : bytes(head.length);
  host.replaceChildren(el('p', { class: 'hint', text: `${why ? visible(why) + ': ' : ''}${size}` }), el('pre', { tabindex: 0, text: lines.join('\n') }));
}

// The tree of files and slots. Only the rows that are seen are elements; so thousands of slots cost no
// more than what fits the screen.

import { el, setAttribute, setState, setText, stateIcon, svg } from './dom.js';
import { ageOf } from './catalog.js';
import { plainTitle, rate, seconds, titleParts, visible } from './text.js';

const manySlots = 60; // a file with more begins closed

export class List {
  #catalog;
  #on;
  #host;
  #inner = el('div', { class: 'inner', role: 'presentation' });
  #elements = [];
  #nodes = []; // what is open, in order
  #toggled = new Map(); // by key: opened or closed by the user
  #active = null; // key of the chosen row
  #words = [];
  #search = '';
  #rowHeight = 30;
  #shown = new Set(); // items that have a pad
  #frame = 0;
  connected = true;

  /** on has draw(item, inNewPad). */
  constructor(host, catalog, on) {
    this.#host = host;
    this.#catalog = catalog;
    this.#on = on;
    host.append(this.#inner);
    host.addEventListener('scroll', () => this.refresh(), { passive: true });
    host.addEventListener('keydown', e => this.#key(e));
    host.addEventListener('focus', () => { if (!this.#active && this.#nodes.length) this.#choose(0); this.refresh(); });
    new ResizeObserver(() => this.refresh()).observe(host);
    setInterval(() => this.refresh(), 1000); // ages go on
  }

  /** filter shows only slots with all the words. */
  filter(text) {
    this.#search = text.trim();
    this.#words = this.#search.toLowerCase().split(/\s+/).filter(Boolean);
    this.#host.scrollTop = 0;
    this.rebuild();
    if (this.#search) this.#active = this.#nodes.find(node => node.row)?.key ?? null;
    this.refresh();
  }

  /** found is how many slots the search has found; -1 without one. */
  get found() {
    return this.#search ? this.#nodes.reduce((n, node) => n + (node.row ? 1 : 0), 0) : -1;
  }

  /** rebuild lists the nodes anew, after a change of the catalog, of the search or of what is open. */
  rebuild() {
    const nodes = [], matches = this.#search ? this.#catalog.matcher(this.#search) : null;
    const walk = list => {
      for (const [i, node] of list.entries()) {
        const at = nodes.length;
        if (!matches || node.children || matches(node.row)) nodes.push(node);
        if (node.children && (matches || this.#isOpen(node))) walk(node.children);
        // A folder in which nothing was found is not listed.
        if (matches && node.children && nodes.length === at + 1) nodes.pop();
        node.place = i + 1;
        node.siblings = list.length;
      }
    };
    walk(this.#catalog.roots);
    this.#nodes = nodes;
    this.refresh();
  }

  #isOpen(node) {
    const toggled = this.#toggled.get(node.key);
    if (toggled !== undefined) return toggled;
    if (node.file || !node.parent) return this.#catalog.roots.length === 1 || (this.#catalog.roots.length <= 6 && node.slots <= manySlots);
    let root = node;
    while (root.parent) root = root.parent;
    return root.slots <= manySlots;
  }

  /** mark says which items are drawn in a pad. */
  mark(items) {
    this.#shown = new Set(items);
    this.refresh();
  }

  /** refresh brings the rows that are seen up to date, with the next picture. */
  refresh() {
    this.#frame ||= requestAnimationFrame(() => { this.#frame = 0; this.#render(); });
  }

  #render() {
    const host = this.#host, height = this.#rowHeight = matchMedia('(pointer: coarse)').matches ? 44 : 30;
    const total = `${this.#nodes.length * height}px`;
    if (this.#inner.style.height !== total) this.#inner.style.height = total;
    const first = Math.max(0, Math.floor(host.scrollTop / height) - 3);
    const last = Math.min(this.#nodes.length, Math.ceil((host.scrollTop + host.clientHeight) / height) + 3);
    const count = host.clientHeight ? Math.max(0, last - first) : 0;
    while (this.#elements.length < count) {
      const row = makeRow(e => this.#click(e));
      this.#elements.push(row);
      this.#inner.append(row.element);
    }
    while (this.#elements.length > count) this.#elements.pop().element.remove();
    // A node keeps its element while it is in sight, so that a click hits what was aimed at.
    let activeID = null;
    for (let i = 0; i < count; i++) {
      const row = this.#elements[(first + i) % count], node = this.#nodes[first + i];
      this.#fill(row, node, first + i);
      if (node.key === this.#active) activeID = row.element.id;
    }
    setAttribute(host, 'aria-activedescendant', activeID);
  }

  #fill(row, node, index) {
    const { element } = row;
    row.node = node;
    element.style.transform = `translateY(${index * this.#rowHeight}px)`;
    element.style.setProperty('--level', node.level);
    setAttribute(element, 'aria-level', node.level);
    setAttribute(element, 'aria-posinset', node.place);
    setAttribute(element, 'aria-setsize', node.siblings);
    setAttribute(element, 'aria-expanded', node.children ? Boolean(this.#search) || this.#isOpen(node) : null);
    setAttribute(element, 'aria-selected', node.key === this.#active);
    const kind = node.row ? 'slot' : node.parent ? 'folder' : 'file';
    const shown = node.row && this.#shown.has(node.row.item);
    const classes = `row ${kind}${node.key === this.#active ? ' active' : ''}${shown ? ' shown' : ''}`;
    if (element.className !== classes) element.className = classes;

    const record = node.row ?? node.file;
    const state = record ? (this.connected ? record.state : 'UNKNOWN') : null;
    row.icon.classList.toggle('hidden', !record);
    if (record) setState(row.icon, state);
    const name = visible(node.name);
    if (row.shownName !== name || row.shownWords !== this.#words) {
      row.shownName = name;
      row.shownWords = this.#words;
      row.name.replaceChildren(...highlighted(name, this.#words));
    }
    const title = record?.title ? plainTitle(titleParts(record.title).main) : '';
    setText(row.title, title === name ? '' : title);
    const age = ageOf(record);
    let facts = '', aria = '';
    if (node.row) {
      facts = node.row.rate > 0 && state === 'LIVE' ? rate(node.row.rate) : seconds(age);
      aria = `${name}, ${state.toLowerCase()}, ${age === null ? 'no value yet' : `${rate(node.row.rate)} ${seconds(age)} old`}`;
      element.dataset.item = node.row.item;
    } else {
      facts = node.slots.toLocaleString('en-US');
      aria = `${name}, ${node.slots} slots${state ? ', ' + state.toLowerCase() : ''}`;
      delete element.dataset.item;
    }
    setText(row.facts, facts);
    // A slot shows only what is not said of its file.
    const told = kind === 'file' || (node.row && state !== (this.#catalog.files.get(node.row.label)?.state ?? 'LIVE'));
    setText(row.stateText, told && this.connected && state !== 'LIVE' ? state : '');
    setAttribute(element, 'aria-label', aria);
    setAttribute(element, 'title', tip(node, state, age));
    row.add.hidden = !node.row;
  }

  #click(e) {
    const row = this.#elements.find(row => row.element === e.currentTarget);
    if (!row?.node) return;
    this.#active = row.node.key;
    const add = e.target.closest?.('.add');
    this.#act(row.node, Boolean(add) || e.ctrlKey || e.metaKey || e.shiftKey);
    this.#host.focus({ preventScroll: true });
  }

  #act(node, inNewPad) {
    if (node.row) this.#on.draw(node.row.item, inNewPad);
    else if (!this.#search) {
      this.#toggled.set(node.key, !this.#isOpen(node));
      this.rebuild();
    }
    this.refresh();
  }

  /** focusFirst chooses the first slot and takes the keys; Enter draws it. */
  focusFirst() {
    const at = Math.max(0, this.#nodes.findIndex(node => node.row));
    if (this.#nodes.length) this.#choose(at);
    this.#host.focus();
  }

  /** drawFirst draws the first slot that was found. */
  drawFirst(inNewPad) {
    const node = this.#nodes.find(node => node.row);
    if (node) this.#act(node, inNewPad);
  }

  #choose(index) {
    index = Math.max(0, Math.min(this.#nodes.length - 1, index));
    const node = this.#nodes[index];
    if (!node) return;
    this.#active = node.key;
    const top = index * this.#rowHeight, { scrollTop, clientHeight } = this.#host;
    if (top < scrollTop) this.#host.scrollTop = top;
    else if (top + this.#rowHeight > scrollTop + clientHeight) this.#host.scrollTop = top + this.#rowHeight - clientHeight;
    this.refresh();
  }

  #key(e) {
    if (e.altKey || ((e.ctrlKey || e.metaKey) && e.key !== 'Enter')) return;
    const at = this.#nodes.findIndex(node => node.key === this.#active), node = this.#nodes[at];
    const page = Math.max(1, Math.floor(this.#host.clientHeight / this.#rowHeight) - 1);
    const keys = {
      ArrowDown: () => this.#choose(at + 1), ArrowUp: () => this.#choose(at - 1),
      PageDown: () => this.#choose(at + page), PageUp: () => this.#choose(at - page),
      Home: () => this.#choose(0), End: () => this.#choose(this.#nodes.length - 1),
      ArrowRight: () => {
        if (!node?.children) return;
        if (this.#search || this.#isOpen(node)) this.#choose(at + 1);
        else this.#act(node);
      },
      ArrowLeft: () => {
        if (node?.children && !this.#search && this.#isOpen(node)) this.#act(node);
        else if (node?.parent) this.#choose(this.#nodes.indexOf(node.parent));
      },
      Enter: () => node && this.#act(node, e.shiftKey || e.ctrlKey || e.metaKey),
      ' ': () => node && this.#act(node, e.shiftKey),
    };
    if (!Object.hasOwn(keys, e.key)) return;
    keys[e.key]();
    e.preventDefault();
  }
}

let rows = 0;

function makeRow(click) {
  const row = {
    icon: stateIcon('UNKNOWN'), name: el('span', { class: 'name' }), title: el('span', { class: 'title' }),
    stateText: el('span', { class: 'statetext' }), facts: el('span', { class: 'facts' }),
    add: el('span', { class: 'add', title: 'Draw in a new pad', 'aria-hidden': 'true', text: '+' }),
  };
  const chevron = svg('svg', { class: 'chevron', viewBox: '0 0 12 12', 'aria-hidden': 'true' }, svg('path', { d: 'm4 2 4 4-4 4' }));
  row.element = el('div', { id: `row${++rows}`, role: 'treeitem', click }, chevron, row.icon, row.name, row.title, row.stateText, row.facts, row.add);
  return row;
}

// highlighted marks the words that were searched.
function highlighted(name, words) {
  const lower = name.toLowerCase();
  if (!words.length || lower.length !== name.length) return [name];
  const hit = new Array(name.length).fill(false);
  for (const word of words) for (let i = lower.indexOf(word); i >= 0; i = lower.indexOf(word, i + 1)) hit.fill(true, i, i + word.length);
  const parts = [];
  for (let i = 0; i < name.length;) {
    let j = i;
    while (j < name.length && hit[j] === hit[i]) j++;
    parts.push(hit[i] ? el('mark', { text: name.slice(i, j) }) : name.slice(i, j));
    i = j;
  }
  return parts;
}

function tip(node, state, age) {
  const lines = [];
  if (node.row) {
    const row = node.row;
    lines.push(visible(row.name));
    if (row.title) lines.push(visible(row.title));
    lines.push(`${visible(row.type)} · ${visible(row.codec)}`, age === null ? `${state} · no value yet` : `${state} · ${seconds(age)} old${row.rate > 0 ? ' · ' + rate(row.rate) : ''}`);
  } else if (node.file) {
    lines.push(visible(node.file.file), `${state}${age === null ? '' : ` · newest value ${seconds(age)} old`}`);
    for (const p of node.file.producers ?? []) lines.push(visible(`${p.program}[${p.pid}] ${p.state}`));
    for (const warning of node.file.warnings ?? []) lines.push(visible(warning));
  } else lines.push(`${visible(node.name)}: ${node.slots} slots`);
  return lines.join('\n');
}

// Pads: the drawings side by side. A pad shows the newest drawing of one item, with what one can do to it.

import { el, setAttribute, setState, setText, stateIcon, svg } from './dom.js';
import { Plot } from './plot.js';
import { ValueTree, hexHead } from './value.js';
import { fileName, savePNG, saveSVG } from './save.js';
import { ageOf } from './catalog.js';
import { itemParts, plainTitle, rate, seconds, titleParts, titleRuns, visible } from './text.js';

const icons = {
  keep: 'M5.5 3.5h9v13l-4.5-3.6-4.5 3.6z',
  pause: 'M7 4.5v11M13 4.5v11',
  play: 'M6.5 4v12l9-6z',
  more: 'M10 3v9M6 8.5l4 4 4-4M4 16.5h12',
  close: 'm5 5 10 10M15 5 5 15',
};
const icon = name => svg('svg', { viewBox: '0 0 20 20', 'aria-hidden': 'true' }, svg('path', { d: icons[name] }));

// What can be switched, by kind.
const switches = {
  h1d: [['logx', 'log x', 'Logarithmic x axis (x)'], ['logy', 'log y', 'Logarithmic y axis (y)'], ['errors', 'errors', 'Error bars (e)'], ['stats', 'stats', 'Statistics']],
  p1d: [['logx', 'log x', 'Logarithmic x axis (x)'], ['logy', 'log y', 'Logarithmic y axis (y)'], ['stats', 'stats', 'Statistics']],
  h2d: [['logx', 'log x', 'Logarithmic x axis (x)'], ['logy', 'log y', 'Logarithmic y axis (y)'], ['logz', 'log z', 'Logarithmic colours (z)'], ['stats', 'stats', 'Statistics']],
};

export class Pad {
  #on;
  #body = null; // what shows the present kind: a Plot, a ValueTree or bytes
  #bodyKind = '';
  drawing = null; // the last with something to see
  reference = null;
  note = ''; // why there is nothing, or nothing newer
  held = false;

  /** on has changed(pad), close(pad), activate(pad), dirty(pad), row(item), connected() and paused(). */
  constructor(pad, on) {
    this.#on = on;
    this.pad = pad;
    const { label, name } = itemParts(pad.item);
    this.name = visible(name);
    this.label = visible(label);
    this.icon = stateIcon('UNKNOWN');
    this.titleText = el('h2', { text: this.name });
    this.path = el('p', { class: 'path' }, el('bdi', { text: this.label }), ' / ', el('bdi', { text: this.name }));
    const button = (what, title, click) => el('button', { type: 'button', class: `icon ${what}`, 'aria-label': title, title, click }, icon(what));
    this.keepButton = button('keep', 'Keep as reference, to compare (r)', () => this.keep());
    this.pauseButton = button('pause', 'Hold this drawing still', () => this.hold(!this.held));
    this.menu = el('details', { class: 'menu', keydown: e => e.key === 'Escape' && this.#closeMenu(e) },
      el('summary', { class: 'icon', title: 'Download', 'aria-label': 'Download' }, icon('more')));
    this.noteText = el('p', { class: 'note', hidden: true });
    this.content = el('div', { class: 'content' });
    this.stateText = el('span', { class: 'stateword' });
    this.facts = el('span', { class: 'facts' });
    this.controls = el('div', { class: 'controls' });
    this.element = el('section', {
      class: 'pad', 'aria-label': `${this.label} ${this.name}`,
      pointerdown: () => on.activate(this), focusin: () => on.activate(this),
    },
    el('header', {}, this.icon, el('div', { class: 'heading' }, this.titleText, this.path),
      this.keepButton, this.pauseButton, this.menu, button('close', 'Close this pad', () => on.close(this))),
    this.noteText, this.content,
    el('footer', {}, el('p', { class: 'facts' }, this.stateText, this.facts), this.controls));
    this.element.dataset.item = pad.item;
    this.note = 'Waiting for the first value …';
    this.refresh();
  }

  /** take has a new drawing; it is drawn when it is its turn. */
  take(d) {
    d.heard ??= performance.now();
    this.last = d;
    if (d.kind === 'none' || (d.kind === 'error' && this.drawing)) this.note = d.message || 'nothing here now';
    else { this.drawing = d; this.note = ''; }
    this.#on.dirty(this);
  }

  /** draw shows what was taken. */
  draw() {
    setAttribute(this.element, 'data-kind', (this.drawing ?? this.last)?.kind);
    setText(this.noteText, visible(this.note));
    this.noteText.hidden = !this.note;
    this.content.classList.toggle('old', Boolean(this.note));
    const d = this.drawing;
    if (!d) return false;
    this.#title(d);
    const plots = d.kind in switches;
    const bodyKind = plots ? 'plot' : d.kind;
    if (this.#bodyKind !== bodyKind) this.#embody(bodyKind);
    if (this.controlsFor !== d.kind) this.#makeControls(d.kind);
    this.#showControls();
    if (plots) return this.#body.show(d, this.pad.options, this.reference);
    if (d.kind === 'value') {
      this.#body.show(d.value, this.reference?.value);
      this.cut.hidden = !d.cut;
    } else if (d.kind === 'bytes') {
      hexHead(this.content.firstChild, d.payload_head, Number(this.#on.row(this.pad.item)?.length ?? 0), d.message);
    } else setText(this.content.firstChild, visible(d.message ?? 'cannot be shown'));
    return true;
  }

  #title(d) {
    const title = titleParts(d.title).main || this.name;
    if (this.shownTitle === title) return;
    this.shownTitle = title;
    this.titleText.replaceChildren(...titleRuns(title).map(({ text, level }) => level ? el(level > 0 ? 'sup' : 'sub', { text }) : text));
    this.titleText.title = plainTitle(title);
  }

  #embody(kind) {
    this.#bodyKind = kind;
    if (kind === 'plot') {
      this.#body = new Plot({
        zoom: (axis, range) => this.set(axis, range),
        toggle: option => switches[this.drawing?.kind]?.some(([name]) => name === option) && this.set(option, !this.pad.options[option]),
        keep: () => this.keep(),
        resized: () => this.#on.dirty(this),
      });
      this.content.replaceChildren(this.#body.host);
    } else if (kind === 'value') {
      const tree = el('div', { class: 'tree-of-value' });
      this.cut = el('p', { class: 'hint', hidden: true, text: 'There is more of it than is shown here: download it, or use mapfile-dump get.' });
      this.content.replaceChildren(el('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Value' }, tree, this.cut));
      this.#body = new ValueTree(tree);
    } else if (kind === 'bytes') {
      this.content.replaceChildren(el('div', { class: 'scroll bytes' }));
    } else this.content.replaceChildren(el('p', { class: 'trouble', role: 'alert' }));
    this.#makeMenu(kind);
  }

  #makeMenu(kind) {
    const link = (to, text) => el('a', { href: `api/download/${this.pad.item}?to=${to}`, download: '', text, click: () => this.#closeMenu() });
    const act = (text, run) => el('button', { type: 'button', text, click: () => { this.#closeMenu(); run(); } });
    const title = () => this.shownTitle ?? this.name, name = () => fileName(this.name);
    this.menu.querySelector('.entries')?.remove();
    this.menu.append(el('div', { class: 'entries' },
      ...(kind === 'plot' ? [
        act('PNG picture', () => savePNG(this.#body.svg, title(), name()).catch(err => { this.note = `no picture: ${err.message}`; this.#on.dirty(this); })),
        act('SVG picture', () => saveSVG(this.#body.svg, title(), name())),
      ] : []),
      link('json', 'JSON'), ...(kind === 'plot' ? [link('csv', 'CSV'), link('root', 'ROOT file')] : [])));
  }

  #closeMenu(e) {
    this.menu.open = false;
    e?.stopPropagation();
    if (e) this.menu.firstChild.focus();
  }

  #makeControls(kind) {
    this.controlsFor = kind;
    this.buttons = (switches[kind] ?? []).map(([option, text, title]) => {
      const button = el('button', { type: 'button', class: 'chip', title, text, click: () => this.set(option, !this.pad.options[option]) });
      button.dataset.option = option;
      return button;
    });
    this.zoomButton = el('button', { type: 'button', class: 'chip on zoomed', title: 'Show the whole range (0)', text: 'zoomed ×', click: () => { this.set('x', null); this.set('y', null); } });
    this.referenceButton = el('button', { type: 'button', class: 'chip on reference', title: 'Forget the reference (r)', click: () => this.keep() });
    this.controls.replaceChildren(this.referenceButton, this.zoomButton, ...this.buttons);
  }

  #showControls() {
    for (const button of this.buttons) {
      const on = this.pad.options[button.dataset.option];
      button.classList.toggle('on', on);
      button.setAttribute('aria-pressed', on);
    }
    this.zoomButton.hidden = !this.pad.options.x && !this.pad.options.y;
    this.referenceButton.hidden = !this.reference;
    if (this.reference) setText(this.referenceButton, `reference ${new Date(this.reference.time ?? Date.now()).toTimeString().slice(0, 8)} ×`);
    this.keepButton.classList.toggle('on', Boolean(this.reference));
    this.keepButton.setAttribute('aria-pressed', Boolean(this.reference));
  }

  /** set changes an option of the drawing. */
  set(option, value) {
    if (this.pad.options[option] === value) return;
    this.pad.options[option] = value;
    this.#on.changed(this);
    this.#on.dirty(this);
  }

  /** keep keeps what is seen as the reference that later drawings are compared with, or forgets it. */
  keep() {
    this.reference = this.reference || !this.drawing ? null : this.drawing;
    this.#on.dirty(this);
  }

  /** hold holds the drawing still, or lets it go on. */
  hold(held) {
    this.held = held;
    this.pauseButton.replaceChildren(icon(held ? 'play' : 'pause'));
    this.pauseButton.classList.toggle('on', held);
    setAttribute(this.pauseButton, 'aria-pressed', held);
    const title = held ? 'Go on' : 'Hold this drawing still';
    this.pauseButton.title = title;
    setAttribute(this.pauseButton, 'aria-label', title);
    this.#on.changed(this);
  }

  /** state is that of the slot's producer as it was told last. */
  state() {
    if (!this.#on.connected()) return 'UNKNOWN';
    const row = this.#on.row(this.pad.item);
    const newest = row && (this.held || !(this.last?.heard > row.heard)) ? row : this.last;
    return newest?.state ?? 'UNKNOWN';
  }

  /** refresh shows state and age. */
  refresh() {
    const state = this.state();
    setState(this.icon, state);
    setText(this.stateText, state);
    setAttribute(this.stateText, 'data-state', state);
    setAttribute(this.element, 'data-state', state);
    const row = this.#on.row(this.pad.item), age = ageOf(this.drawing), parts = [];
    if (age !== null) parts.push(`${seconds(age)} old`);
    if (row && state === 'LIVE' && row.rate > 0) parts.push(rate(row.rate));
    if (this.drawing?.version) parts.push(`version ${Number(this.drawing.version).toLocaleString('en-US')}`);
    if (this.held || this.#on.paused()) parts.push('paused');
    setText(this.facts, parts.map(part => ' · ' + part).join(''));
  }
}

/** arrange gives the grid columns and rows for n pads in the room that there is. */
export function arrange(host, n) {
  const { clientWidth: width, clientHeight: height } = host;
  const most = Math.max(1, Math.floor(width / 380));
  // The number of columns whose pads come nearest to a pleasant shape.
  let best = 1, least = Infinity;
  for (let columns = 1; columns <= Math.min(most, n); columns++) {
    const rows = Math.ceil(n / columns), w = width / columns, h = Math.max(height / rows, 300);
    const bad = Math.abs(Math.log(w / h / 1.45)) + (columns * rows - n) * 0.12 + (h * rows > height + 1 ? 0.5 : 0);
    if (bad < least) { least = bad; best = columns; }
  }
  host.style.setProperty('--columns', best);
}

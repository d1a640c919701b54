// A plot is a drawing that can be asked: by pointer, finger or keyboard for the content of a bin, and by
// dragging for a closer look.

import { el, svg, setText } from './dom.js';
import { draw1d } from './draw1d.js';
import { draw2d } from './draw2d.js';
import { plainTitle, titleParts } from './text.js';

let plots = 0;

export class Plot {
  #clip = `clip${++plots}`;
  #on;
  #size = null;
  #memo = { of: '' }; // what a drawing wants to find again in the next of the same look
  #view = null;
  #bin = null; // the bin that is read, while it is
  #byKeys = false;
  #drag = null;
  #tap = 0;

  /** on has zoom(axis, range or null), toggle(option), keep() and resized(). */
  constructor(on) {
    this.#on = on;
    this.svg = svg('svg', { class: 'picture', 'aria-hidden': 'true' });
    this.mark = svg('g', { class: 'mark' });
    this.readout = el('div', { class: 'readout', hidden: true });
    this.host = el('div', {
      class: 'plot', tabindex: 0, role: 'img',
      pointerdown: e => this.#down(e), pointermove: e => this.#move(e), pointerup: e => this.#up(e),
      pointercancel: () => this.#cancel(), pointerleave: e => e.pointerType === 'touch' || this.#leave(), dblclick: () => this.#all(),
      keydown: e => this.#key(e), blur: () => { this.#byKeys = false; this.#leave(); },
    }, this.svg, this.readout);
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width), height = Math.round(entry.contentRect.height); // as clientWidth
      if (this.#size && width === this.#size.width && height === this.#size.height) return;
      this.#size = { width, height };
      on.resized();
    }).observe(this.host);
  }

  /** show draws; false if there is no room yet. */
  show(d, options, reference) {
    const { width, height } = this.#size ??= { width: this.host.clientWidth, height: this.host.clientHeight };
    if (width < 60 || height < 60) return false;
    const draw = d.kind === 'h2d' ? draw2d : draw1d;
    const look = JSON.stringify([width, height, options, d.kind]);
    if (this.#memo.of !== look) this.#memo = { of: look };
    const view = draw(d, options, reference, width, height, this.#clip, this.#memo);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.setAttribute('width', width);
    this.svg.setAttribute('height', height);
    this.svg.replaceChildren(...view.nodes.filter(Boolean), this.mark);
    this.svg.dataset.version = d.version;
    this.#view = view;
    const facts = (d.stats ?? []).map(([name, value]) => `${name} ${value}`).join(', ');
    this.host.setAttribute('aria-label', `${plainTitle(titleParts(d.title).main)}: ${view.summary}. ${facts}`);
    this.#read();
    return true;
  }

  // read shows the content of the chosen bin.
  #read() {
    const view = this.#view;
    const picked = this.#bin && view?.pick(this.#bin);
    if (!this.#drag?.far) this.mark.replaceChildren();
    this.readout.hidden = !picked;
    if (!picked) return;
    if (!this.#drag?.far) {
      this.mark.append(svg('rect', { class: 'bin', ...picked.box }));
      if (picked.dot) this.mark.append(svg('circle', { cx: picked.dot.x, cy: picked.dot.y, r: 3.5 }));
    }
    while (this.readout.childElementCount > picked.lines.length) this.readout.lastChild.remove();
    picked.lines.forEach((line, i) => setText(this.readout.children[i] ?? this.readout.appendChild(el('div')), line));
    // Beside the bin, on the side where there is room.
    const right = picked.box.x + picked.box.width / 2 > this.#size.width / 2;
    this.readout.style.left = right ? 'auto' : `${picked.box.x + picked.box.width + 10}px`;
    this.readout.style.right = right ? `${this.#size.width - picked.box.x + 10}px` : 'auto';
    const y = picked.dot?.y ?? picked.box.y;
    this.readout.style.top = `${Math.max(2, Math.min(this.#size.height - 70, y - 24))}px`;
    // Spoken only to those who ask by keys.
    this.readout.setAttribute('aria-live', this.#byKeys ? 'polite' : 'off');
  }

  #at(e) {
    const box = this.svg.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  }

  #inside({ x, y }) {
    const a = this.#view?.area;
    return a && x >= a.x && x <= a.x + a.w && y >= a.y - 6 && y <= a.y + a.h + 6;
  }

  #down(e) {
    const at = this.#at(e);
    if (e.button !== 0 || !this.#inside(at)) return this.#leave();
    this.#drag = { from: at, far: false };
    this.host.setPointerCapture(e.pointerId);
  }

  #move(e) {
    const at = this.#at(e), drag = this.#drag, view = this.#view;
    if (drag) {
      const dx = Math.abs(at.x - drag.from.x), dy = Math.abs(at.y - drag.from.y);
      if (dx > 6 || (view.edgesNearY && dy > 12)) drag.far = true;
      if (drag.far) return this.#frame(at);
    }
    this.#byKeys = false;
    this.#bin = this.#inside(at) ? view.binAt(at.x, at.y) : null;
    this.#read();
  }

  // frame shows what the drag has chosen so far.
  #frame(at) {
    const { area, edgesNearY } = this.#view, from = this.#drag.from;
    const between = (v, low, size) => Math.max(low, Math.min(low + size, v));
    const xs = [from.x, at.x].map(v => between(v, area.x, area.w)).sort((a, b) => a - b);
    const ys = [from.y, at.y].map(v => between(v, area.y, area.h)).sort((a, b) => a - b);
    this.#drag.x = xs[1] - xs[0] > 6 ? xs : null;
    this.#drag.y = edgesNearY && ys[1] - ys[0] > 12 ? ys : null;
    const [x0, x1] = this.#drag.x ?? [area.x, area.x + area.w], [y0, y1] = this.#drag.y ?? [area.y, area.y + area.h];
    this.mark.replaceChildren(svg('rect', { class: 'zoom', x: x0, y: y0, width: x1 - x0, height: y1 - y0 }));
    this.readout.hidden = true;
  }

  #up(e) {
    const drag = this.#drag, view = this.#view;
    this.#drag = null;
    if (drag?.far) {
      if (drag.x) this.#on.zoom('x', view.edgesNear(view.xs.back(drag.x[0]), view.xs.back(drag.x[1])));
      if (drag.y) this.#on.zoom('y', view.edgesNearY(view.ys.back(drag.y[1]), view.ys.back(drag.y[0])));
    } else if (e.pointerType === 'touch') {
      if (e.timeStamp - this.#tap < 350) this.#all();
      this.#tap = e.timeStamp;
      this.#bin = view.binAt(this.#at(e).x, this.#at(e).y);
    }
    this.#read();
  }

  #cancel() {
    this.#drag = null;
    this.#leave();
  }

  #leave() {
    if (this.#byKeys || this.#drag) return;
    this.#bin = null;
    this.#read();
  }

  #all() {
    this.#on.zoom('x', null);
    this.#on.zoom('y', null);
  }

  #key(e) {
    const view = this.#view;
    if (!view || e.ctrlKey || e.metaKey || e.altKey) return;
    const [[x0, x1], [y0, y1]] = view.visible;
    const [i, j] = this.#bin ?? [Math.floor((x0 + x1) / 2), Math.floor((y0 + y1) / 2)];
    const move = (di, dj) => {
      const first = !this.#bin; // the first key only shows where we are
      this.#byKeys = true;
      this.#bin = first ? [i, j] : [Math.max(x0, Math.min(x1, i + di)), Math.max(y0, Math.min(y1, j + dj))];
      this.#read();
    };
    const zoom = factor => {
      const half = Math.max(1, Math.round((x1 - x0 + 1) * factor / 2));
      const a = Math.max(0, i - half), b = Math.min(view.bins[0] - 1, i + half);
      this.#on.zoom('x', a === 0 && b === view.bins[0] - 1 ? null : view.range(a, b));
    };
    const big = e.shiftKey ? 10 : 1;
    const keys = {
      ArrowLeft: () => move(-big, 0), ArrowRight: () => move(big, 0),
      ...(view.edgesNearY ? { ArrowUp: () => move(0, big), ArrowDown: () => move(0, -big) } : {}),
      '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2), 0: () => this.#all(),
      x: () => this.#on.toggle('logx'), y: () => this.#on.toggle('logy'), z: () => this.#on.toggle('logz'),
      e: () => this.#on.toggle('errors'), r: () => this.#on.keep(),
    };
    if (e.key === 'Escape' && this.#bin) {
      this.#byKeys = false;
      this.#leave();
      e.stopPropagation();
    } else if (Object.hasOwn(keys, e.key)) {
      keys[e.key]();
      e.preventDefault();
    }
  }
}

// When to draw. Whatever comes is taken at once and drawn with the next picture of the screen, the newest
// only; what that costs tells how much to ask for.

/** Painter draws pads: anything with draw(), true if there was something to see, and refresh(). */
export class Painter {
  #dirty = new Set();
  #frame = 0;
  #began = 0;
  #parsing = 0;
  #usual = 0;
  #painted = new MessageChannel();

  /** cost is told in ms what drawing costs, on the average of the last times. */
  constructor(cost) {
    this.#painted.port1.onmessage = () => {
      if (!performance.getEntriesByName('first-drawing').length) performance.mark('first-drawing');
      const took = performance.now() - this.#began + this.#parsing;
      this.#parsing = 0;
      this.#usual = this.#usual ? this.#usual * 0.8 + took * 0.2 : took;
      cost(this.#usual);
    };
  }

  /** soon draws a pad with the next picture. */
  soon(pad) {
    this.#dirty.add(pad);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** parsed tells what else a drawing has cost. */
  parsed(ms) {
    this.#parsing += ms;
  }

  #draw() {
    this.#frame = 0;
    this.#began = performance.now();
    const list = [...this.#dirty].filter(pad => pad.element.isConnected);
    this.#dirty.clear();
    let drawn = 0;
    for (const pad of list) {
      if (pad.draw()) drawn++;
      pad.refresh();
    }
    if (drawn) this.#painted.port2.postMessage(null); // answered after the browser has painted
  }
}

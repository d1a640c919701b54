// The one stream of events from the server: the list and the drawings of the items that are wanted. It
// comes back by itself, holds still while nobody sees the page, and asks for as many drawings a second as
// the page can draw.

const settle = 30; // ms: several changes of what is wanted make one new stream
const patience = 15000; // ms without an event, after which we ask whether the server is there
const rates = [60, 30, 20, 10, 5, 2, 1, 0.5];

export class Live {
  #on;
  #source = null;
  #items = [];
  #rate = rates[0];
  #rateSince = 0;
  #timer = 0;
  #heard = 0;
  #retry = 0;

  /** on has list(data), rows(data), draw(data), parsed(ms) and connection(open). */
  constructor(on) {
    this.#on = on;
    document.addEventListener('visibilitychange', () => document.hidden ? this.#close() : this.#open());
    addEventListener('pagehide', () => this.#close());
    addEventListener('pageshow', e => e.persisted && this.#open());
    addEventListener('online', () => this.#open());
    setInterval(() => this.#watch(), 5000);
  }

  /** want says which items to draw. The first time it connects. */
  want(items) {
    const list = [...new Set(items)].sort();
    const same = this.#source && list.length === this.#items.length && list.every((item, i) => item === this.#items[i]);
    this.#items = list;
    if (!this.#heard) return this.#open(); // at once, when the page has just come
    if (!same) this.#soon(settle);
  }

  /** cost tells how long the last drawings took, in ms for one of each. It may change the rate. */
  cost(ms) {
    const now = performance.now();
    if (now - this.#rateSince < 4000) return;
    // Half of the time is for others. Only what is clearly too fast, or slower than need be, is changed.
    const can = 500 / Math.max(ms, 1);
    const best = rates.find(rate => rate <= can) ?? rates.at(-1);
    if (best < this.#rate || (best > this.#rate && can > this.#rate * 3)) {
      this.#rate = best > this.#rate ? rates[rates.indexOf(this.#rate) - 1] : best;
      this.#rateSince = now;
      this.#soon(settle);
    }
  }

  #soon(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), ms);
  }

  #open() {
    this.#close();
    if (document.hidden) return;
    const query = ['list=1', `rate=${this.#rate}`, ...this.#items.map(item => 'item=' + encodeURIComponent(item))];
    const source = this.#source = new EventSource('api/events?' + query.join('&'));
    this.#heard = performance.now();
    const hear = (name, then) => source.addEventListener(name, e => {
      if (source !== this.#source) return;
      this.#heard = performance.now();
      const data = JSON.parse(e.data);
      if (name === 'draw') this.#on.parsed(performance.now() - this.#heard);
      then(data);
    });
    hear('list', this.#on.list);
    hear('rows', this.#on.rows);
    hear('draw', this.#on.draw);
    source.addEventListener('open', () => {
      if (source !== this.#source) return;
      this.#retry = 0;
      this.#heard = performance.now();
      this.#on.connection(true);
    });
    source.addEventListener('error', () => {
      if (source === this.#source) this.#lost();
    });
  }

  // lost tries again. The browser would do so by itself, but not after an answer that is an error, and
  // less and less often.
  #lost() {
    this.#close();
    this.#on.connection(false);
    this.#retry = Math.min(this.#retry + 1, 5);
    this.#soon(300 * this.#retry);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  // watch notices a connection that is dead though nobody said so.
  async #watch() {
    const source = this.#source;
    if (!source || performance.now() - this.#heard < patience) return;
    try {
      const answer = await fetch('healthz', { signal: AbortSignal.timeout(5000), cache: 'no-store' });
      if (answer.ok) this.#heard = performance.now();
    } catch {
      if (source === this.#source) this.#lost();
    }
  }
}

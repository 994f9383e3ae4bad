// How fast bytes move, over the last seconds.

const WINDOW_MS = 10 * 1000;

// Shorter measurements are too rough.
const SHORTEST_MS = 1000;

export class Speed {
  #samples = [];
  #moved = 0;

  add(bytes) {
    this.#moved += bytes;
    this.#sample();
  }

  /** Bytes a second. Null in the first second, and while no bytes move. */
  perSecond() {
    const now = this.#sample();
    const [first] = this.#samples;
    const moved = this.#moved - first.moved;
    const time = now - first.at;
    return time >= SHORTEST_MS && moved > 0 ? (moved / time) * 1000 : null;
  }

  #sample() {
    const at = performance.now();
    this.#samples.push({ at, moved: this.#moved });
    while (this.#samples[0].at < at - WINDOW_MS) this.#samples.shift();
    return at;
  }
}

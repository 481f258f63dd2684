/** Upload speed over the last seconds. */
const WINDOW_MS = 6000;
const LEAST_MS = 800;

export class Speed {
  /** @type {{ at: number, bytes: number }[]} */
  #samples = [];

  /** @param {number} bytes sent so far @param {number} [at] milliseconds */
  add(bytes, at = performance.now()) {
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - this.#samples[0].at > WINDOW_MS) this.#samples.shift();
  }

  reset() {
    this.#samples = [];
  }

  /** @returns {number} bytes per second; 0 until it is known */
  get bytesPerSecond() {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!last || last.at - first.at < LEAST_MS) return 0;
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000;
  }
}

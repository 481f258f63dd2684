/** The parts of a video that stay: ascending, never empty, never overlapping. Times are in milliseconds. */

const SHORTEST_MS = 100;

export class Parts {
  /** @param {number} durationMs */
  constructor(durationMs) {
    this.durationMs = durationMs;
    /** @type {{ start: number, end: number }[]} */
    this.list = [{ start: 0, end: durationMs }];
    this.chosen = 0;
  }

  /** Moves the start of a part; it stays after the part before it. @param {number} number @param {number} ms */
  setStart(number, ms) {
    const part = this.list[number];
    const least = number ? this.list[number - 1].end : 0;
    part.start = Math.max(least, Math.min(Math.round(ms), part.end - SHORTEST_MS));
  }

  /** @param {number} number @param {number} ms */
  setEnd(number, ms) {
    const part = this.list[number];
    const most = number + 1 < this.list.length ? this.list[number + 1].start : this.durationMs;
    part.end = Math.min(most, Math.max(Math.round(ms), part.start + SHORTEST_MS));
  }

  /** Splits the part at a time, and chooses the later half. @param {number} ms @returns {boolean} whether there was one */
  split(ms) {
    const at = Math.round(ms);
    const number = this.list.findIndex((part) => part.start + SHORTEST_MS <= at && at <= part.end - SHORTEST_MS);
    if (number < 0) return false;
    const part = this.list[number];
    this.list.splice(number + 1, 0, { start: at, end: part.end });
    part.end = at;
    this.chosen = number + 1;
    return true;
  }

  /** @param {number} number @returns {boolean} false for the last one, which has to stay */
  remove(number) {
    if (this.list.length === 1) return false;
    this.list.splice(number, 1);
    this.chosen = Math.min(this.chosen, this.list.length - 1);
    return true;
  }

  /** Where playing goes on from a time that was cut out; null if it is in a part. @param {number} ms */
  following(ms) {
    if (this.list.some((part) => part.start <= ms + 1 && ms < part.end)) return null;
    return this.list.find((part) => part.start > ms)?.start ?? Infinity;
  }

  get keptMs() {
    return this.list.reduce((sum, part) => sum + part.end - part.start, 0);
  }
}

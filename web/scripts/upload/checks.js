/** What is known about a file before it is sent: whether it may be taken, and whether it was sent before. */
import { formatSize } from "../page/format.js";
import { t } from "../page/texts.js";
import { readLimits } from "./cost.js";
import { isTaken } from "./drop.js";
import { likeness } from "./transfer.js";

const DONE_KEY = "streamtime.uploads-done";
const DONE_FOR_MS = 7 * 86_400_000;
const MOST_DONE = 3000;
const TUS_PREFIX = "tus::";

/** @typedef {{ sentence: string, final: boolean }} Objection `final`: it would be rejected again */

export class Checks {
  /** Bytes of files that are waiting or being sent. */
  #taken = 0;
  #quotaLeft;
  /** @type {number | null} */
  #free = null;

  /** @param {DOMStringMap} limits of the page @param {string[]} kinds as in `accept` */
  constructor(limits, kinds) {
    this.limits = limits;
    this.kinds = kinds;
    this.#quotaLeft = limits.quotaLeft === undefined ? null : Number(limits.quotaLeft);
  }

  /** Reads how much room there is now. @param {number} unsent bytes that are promised to earlier files */
  async refresh(unsent) {
    const known = await readLimits();
    this.#taken = unsent;
    if (!known) return;
    this.#free = known.free_space;
    if (known.quota) this.#quotaLeft = known.quota.left;
  }

  /** @param {File} file @returns {Objection | null} why it cannot be taken; else it counts as taken */
  objection(file) {
    const size = formatSize(file.size);
    const maxSize = Number(this.limits.maxSize);
    if (file.size === 0) return { sentence: t("This file is empty."), final: true };
    if (maxSize && file.size > maxSize) return { sentence: t("Too big: {size}. The limit is {limit}.", { size, limit: this.limits.maxSizeText }), final: true };
    if (this.#quotaLeft !== null && file.size > this.#quotaLeft - this.#taken) {
      const left = formatSize(Math.max(0, this.#quotaLeft - this.#taken));
      return { sentence: t("Too big: {size}. Of your {limit} there is {left} left.", { size, limit: this.limits.quotaLimitText, left }), final: true };
    }
    if (this.#free !== null && file.size > this.#free - this.#taken) {
      return { sentence: t("There is no room for it now: {size}. The server has {free} free.", { size, free: formatSize(Math.max(0, this.#free - this.#taken)) }), final: false };
    }
    if (!isTaken(file, this.kinds)) return { sentence: t("This does not look like a video. Try again to send it all the same."), final: false };
    this.#taken += file.size;
    return null;
  }
}

function readDone() {
  try {
    return JSON.parse(localStorage.getItem(DONE_KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** Remembers that a file was sent: chosen again after a crash, with its whole folder, it is not sent twice. */
export function rememberDone(file, video) {
  const now = Date.now();
  const kept = Object.entries({ ...readDone(), [likeness(file)]: { video, at: now } })
    .filter(([, { at }]) => now - at < DONE_FOR_MS)
    .slice(-MOST_DONE);
  try {
    localStorage.setItem(DONE_KEY, JSON.stringify(Object.fromEntries(kept)));
  } catch {
    // Then it is sent again, and the server says that it has it.
  }
}

/** @param {File} file @returns {string | null} the video that was made of it within the last days */
export function videoOf(file) {
  const known = readDone()[likeness(file)];
  return known && Date.now() - known.at < DONE_FOR_MS ? known.video : null;
}

/** @returns {string[]} names of files whose uploads were interrupted, as the tus client keeps them */
export function interrupted() {
  return interruptedKeys().map((key) => {
    try {
      return JSON.parse(localStorage.getItem(key)).metadata?.filename ?? "";
    } catch {
      return "";
    }
  }).filter(Boolean);
}

/** Interrupted uploads are no longer named; the server deletes what it received when they expire. */
export function forgetInterrupted() {
  for (const key of interruptedKeys()) localStorage.removeItem(key);
}

function interruptedKeys() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(TUS_PREFIX));
  } catch {
    return [];
  }
}

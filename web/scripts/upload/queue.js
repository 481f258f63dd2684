/** The upload list as a whole: a few files at a time, the others wait; pauses and resumes all; sums up. */
import { formatLeft, formatSize } from "../page/format.js";
import { t } from "../page/texts.js";
import { Speed } from "./speed.js";

/** Concurrent uploads. More would only share the bandwidth and use up the browser's connections. */
const AT_ONCE = 3;
/** Rows that are added in one frame. */
const ROWS_PER_FRAME = 20;
/** With more rows, their states are not announced one by one. */
const MOST_ANNOUNCED = 10;

const DONE = new Set(["arrived", "playable"]);
const OPEN = new Set(["waiting", "uploading", "paused"]);

export class Queue {
  /** @type {import("./row.js").UploadRow[]} */
  #rows = [];
  #isPaused = false;
  #isDrawing = false;
  #speed = new Speed();
  #list;
  #summary;

  /** @param {HTMLElement} list @param {HTMLElement} summary */
  constructor(list, summary) {
    this.#list = list;
    this.#summary = summary;
    this.#on("pause-all", () => this.pauseAll());
    this.#on("resume-all", () => this.resumeAll());
    this.#on("retry-all", () => this.retryAll());
    this.#on("clear-done", () => this.clearDone());
  }

  get rows() {
    return this.#rows;
  }

  /** Whether an upload would be interrupted by leaving the page. */
  get isActive() {
    return this.#rows.some((row) => row.phase === "uploading" || (row.phase === "waiting" && !this.#isPaused));
  }

  /** @returns {number} bytes that are still to be sent */
  get unsent() {
    return this.#rows.filter((row) => OPEN.has(row.phase)).reduce((sum, row) => sum + row.file.size - row.sent, 0);
  }

  /** @param {() => import("./row.js").UploadRow} make each makes a row @returns {Promise<void>} when all are listed */
  async add(makers) {
    for (let at = 0; at < makers.length; at += ROWS_PER_FRAME) {
      const rows = makers.slice(at, at + ROWS_PER_FRAME).map((make) => make());
      this.#rows.push(...rows);
      const isLong = this.#rows.length > MOST_ANNOUNCED;
      this.#list.toggleAttribute("data-long", isLong);
      if (isLong) for (const row of this.#rows.slice(-rows.length)) row.part("status").removeAttribute("role");
      this.#list.append(...rows.map((row) => row.element));
      this.next();
      if (at + ROWS_PER_FRAME < makers.length) await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }

  /** @param {import("./row.js").UploadRow} row it was cancelled */
  remove(row) {
    this.#rows = this.#rows.filter((each) => each !== row);
    this.next();
  }

  /** Starts waiting rows. */
  next() {
    this.changed();
    if (this.#isPaused) return;
    let free = AT_ONCE - this.#rows.filter((row) => row.phase === "uploading").length;
    for (const row of this.#rows) {
      if (free <= 0) return;
      if (row.phase !== "waiting") continue;
      free -= 1;
      row.start();
    }
  }

  pauseAll() {
    this.#isPaused = true;
    for (const row of this.#rows) if (row.phase === "uploading") row.pause();
    this.changed();
  }

  resumeAll() {
    this.#isPaused = false;
    this.#speed.reset();
    for (const row of this.#rows) if (row.phase === "paused") row.wait();
    this.next();
  }

  /** Tries those again that failed for a reason that may have passed. */
  retryAll() {
    for (const row of this.#rows) if (row.canRetry) row.wait();
    this.next();
  }

  clearDone() {
    for (const row of this.#rows) if (DONE.has(row.phase)) row.element.remove();
    this.#rows = this.#rows.filter((row) => !DONE.has(row.phase));
    this.changed();
  }

  /** Draws the summary once in the next frame. */
  changed() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  #draw() {
    const rows = this.#rows.filter((row) => !("refused" in row.element.dataset));
    const [open, done] = [rows.filter((row) => OPEN.has(row.phase)), rows.filter((row) => DONE.has(row.phase))];
    const failed = rows.filter((row) => row.canRetry);
    this.#summary.hidden = this.#rows.length < 2;
    this.#list.parentElement.toggleAttribute("data-rows", this.#rows.length > 0);
    const size = rows.reduce((sum, row) => sum + row.file.size, 0);
    const sent = rows.reduce((sum, row) => sum + (DONE.has(row.phase) ? row.file.size : row.sent), 0);
    this.#speed.add(sent);
    const progress = this.#part("all-progress");
    [progress.max, progress.value] = [size || 1, sent];
    this.#write("all-files", t("{done} of {count} uploaded", { done: done.length, count: rows.length }));
    const numbers = [t("{done} of {size}", { done: formatSize(sent), size: formatSize(size) })];
    const { bytesPerSecond } = this.#speed;
    if (open.length && !this.#isPaused && bytesPerSecond > 0) {
      numbers.push(t("{time} left", { time: formatLeft((size - sent) / bytesPerSecond) }));
    }
    this.#write("all-numbers", numbers.join(" · "));
    this.#part("pause-all").hidden = this.#isPaused || !open.some((row) => row.phase !== "paused");
    this.#part("resume-all").hidden = !this.#isPaused && !open.some((row) => row.phase === "paused");
    this.#part("retry-all").hidden = failed.length < 2;
    this.#part("clear-done").hidden = !done.length;
  }

  #on(name, act) {
    this.#part(name).addEventListener("click", act);
  }

  #part(name) {
    return this.#summary.querySelector(`[data-${name}]`);
  }

  #write(name, text) {
    const part = this.#part(name);
    if (part.textContent !== text) part.textContent = text;
  }
}

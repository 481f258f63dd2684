/** Uploading without an account: one row per file, two uploads at a time; ends with "received". */
import { formatLeft, formatSize } from "./page/format.js";
import { t } from "./page/texts.js";
import { connectFiles } from "./upload/drop.js";
import { Speed } from "./upload/speed.js";
import { Transfer } from "./upload/transfer.js";

const AT_ONCE = 2;

const page = document.getElementById("guest-drop");
const list = document.getElementById("uploads");
const template = document.getElementById("sent-row");
const guest = document.getElementById("guest-name");
const maxSize = Number(page.dataset.maxSize);
/** @type {SentRow[]} */
const rows = [];

/** Starts waiting rows. */
function next() {
  const running = rows.filter((row) => row.phase === "uploading").length;
  const waiting = rows.filter((row) => row.phase === "waiting");
  for (const row of waiting.slice(0, Math.max(0, AT_ONCE - running))) row.start();
}

/** One file. `data-phase`: waiting, uploading, received, failed. */
class SentRow {
  #speed = new Speed();

  /** @param {File} file @param {HTMLElement} element */
  constructor(file, element) {
    this.file = file;
    this.element = element;
    this.part("file").textContent = `${file.name} · ${formatSize(file.size)}`;
    this.part("retry").addEventListener("click", () => this.start());
    this.part("cancel").addEventListener("click", () => this.cancel());
    this.#enter("waiting", t("Waiting"));
  }

  /** @param {string} name @returns {any} */
  part(name) {
    return this.element.querySelector(`[data-${name}]`);
  }

  get phase() {
    return this.element.dataset.phase;
  }

  get isActive() {
    return this.phase === "waiting" || this.phase === "uploading";
  }

  async start() {
    this.#enter("uploading", t("Starting"));
    if (this.transfer) {
      this.transfer.resume();
      return;
    }
    const { drop, endpoint, chunkSize } = page.dataset;
    const options = { endpoint, chunkSize: Number(chunkSize), drop, guest: guest.value.trim() };
    this.transfer = new Transfer(this.file, options, {
      onVideo: () => {},
      onLookalike: () => {},
      onProgress: (sent, total) => this.#showProgress(sent, total),
      onRetry: (sentence) => this.#say(sentence ?? t("Connection lost. Trying again")),
      onDone: () => this.#enter("received", t("Received. Thank you!"), next),
      onFailed: (sentence, status) => this.#fail(sentence, status),
    });
    await this.transfer.start();
  }

  /** @param {string} sentence why the file is rejected before its upload */
  refuse(sentence) {
    this.#enter("failed", sentence);
    this.part("retry").hidden = true;
  }

  async cancel() {
    const wasSending = this.transfer && this.phase !== "received";
    this.element.remove();
    rows.splice(rows.indexOf(this), 1);
    if (wasSending) await this.transfer.cancel().catch(() => {});
    next();
  }

  #fail(sentence, status) {
    this.#enter("failed", sentence ?? t("It stopped. What was received is kept: try again."), next);
    // A permanent rejection would be repeated.
    this.part("retry").hidden = status >= 400 && status < 500 && status !== 429;
  }

  #showProgress(sent, total) {
    if (this.phase !== "uploading") return;
    this.#speed.add(sent);
    this.part("progress").value = total ? (sent / total) * 1000 : 0;
    this.#say(t("Sending"));
    const { bytesPerSecond } = this.#speed;
    const numbers = [t("{done} of {size}", { done: formatSize(sent), size: formatSize(total) })];
    if (bytesPerSecond > 0) numbers.push(t("{time} left", { time: formatLeft((total - sent) / bytesPerSecond) }));
    this.part("numbers").textContent = numbers.join(" · ");
  }

  #enter(phase, sentence, after = () => {}) {
    this.element.dataset.phase = phase;
    this.#say(sentence);
    this.part("retry").hidden = phase !== "failed";
    this.part("cancel").hidden = phase === "received";
    this.part("progress").hidden = phase === "received" || phase === "failed";
    if (phase !== "uploading") this.part("numbers").textContent = "";
    after();
  }

  #say(sentence) {
    if (this.part("status").textContent !== sentence) this.part("status").textContent = sentence;
  }
}

/** @param {File} file @returns {string | null} why it cannot be taken */
function objection(file) {
  if (file.size === 0) return t("This file is empty.");
  if (file.size <= maxSize) return null;
  return t("Too big: {size}. The limit is {limit}.", { size: formatSize(file.size), limit: page.dataset.maxSizeText });
}

/** @param {File[]} files */
function add(files) {
  for (const file of files) {
    const row = new SentRow(file, template.content.firstElementChild.cloneNode(true));
    list.append(row.element);
    rows.push(row);
    const refused = objection(file);
    if (refused) row.refuse(refused);
  }
  next();
}

connectFiles({ picker: document.getElementById("files"), cover: document.getElementById("drop-cover") }, ({ files }) => add(files));

window.addEventListener("beforeunload", (event) => {
  if (rows.some((row) => row.isActive)) event.preventDefault();
});

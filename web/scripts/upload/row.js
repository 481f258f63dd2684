/**
 * One row of the upload list and its buttons. `data-phase` is its state:
 * waiting, uploading, paused, arrived (preparing), playable, failed, cancelled.
 */
import { confirmed } from "../page/dialogs.js";
import { formatLeft, formatSize } from "../page/format.js";
import { toast } from "../page/toast.js";
import { stateText } from "../page/states.js";
import { t } from "../page/texts.js";
import { rememberDone, videoOf } from "./checks.js";
import { guess, look, readCosts } from "./cost.js";
import { Speed } from "./speed.js";
import { Transfer } from "./transfer.js";
import { changeVideo, deleteCopy, followUntilSettled, keepBoth, readTimeline, readVideo } from "./video.js";

/** @param {string} name of a file @returns {string} a first title */
function titleOf(name) {
  const bare = name.replace(/\.[^.]{1,5}$/, "");
  return bare.replace(/[_]+/g, " ").trim() || name;
}

export class UploadRow {
  /** @type {string | null} */
  video = null;
  /** Bytes sent so far. */
  sent = 0;
  #speed = new Speed();
  #pending = {};
  #isRenamed = false;

  /**
   * @param {File} file
   * @param {HTMLElement} element the row, cloned from its template
   * @param {{ endpoint: string, chunkSize: number, visibility: string }} options
   * @param {{ onFree: () => void, onChange: () => void, onGone: (row: UploadRow) => void }} events another row can
   *   start; its phase or what was sent has changed; it was cancelled
   */
  constructor(file, element, options, events) {
    this.file = file;
    this.element = element;
    this.options = options;
    this.events = events;
    this.part("file").textContent = `${file.name} · ${formatSize(file.size)}`;
    this.part("title").value = titleOf(file.name);
    this.part("visibility").value = options.visibility;
    this.#connect();
    this.#enter("waiting", t("Waiting"));
  }

  /** @param {string} name @returns {any} the element marked `data-<name>` */
  part(name) {
    return this.element.querySelector(`[data-${name}]`);
  }

  get phase() {
    return this.element.dataset.phase;
  }

  get isActive() {
    return ["waiting", "uploading", "paused"].includes(this.phase);
  }

  /** Whether it failed for a reason that may have passed. */
  get canRetry() {
    return this.phase === "failed" && !this.part("retry").hidden;
  }

  /** Lets it start when it is its turn. */
  wait() {
    delete this.element.dataset.refused;
    this.part("title").readOnly = false;
    this.part("progress").hidden = false;
    this.#enter("waiting", t("Waiting"));
  }

  async start() {
    if (this.transfer) return this.resume();
    this.#enter("uploading", t("Starting"));
    if (await this.#wasSent()) return undefined;
    // It was paused or cancelled meanwhile.
    if (this.phase !== "uploading") return undefined;
    this.showCost();
    const { endpoint, chunkSize } = this.options;
    // The server chooses the title if the user did not: from the file, else from its name.
    const written = this.part("title").value.trim();
    const title = written === titleOf(this.file.name) ? "" : written;
    const visibility = this.part("visibility").value;
    this.transfer = new Transfer(this.file, { endpoint, chunkSize, title, visibility }, {
      onVideo: (video) => this.#learn(video),
      onLookalike: (video) => this.#showDuplicate(t("You may have this already. The upload will confirm it."), `/watch/${video}`),
      onProgress: (sent, total) => this.#showProgress(sent, total),
      onRetry: (sentence) => this.#say(sentence ?? t("Connection lost. Trying again")),
      onDone: () => this.#arrive(),
      onFailed: (sentence, status) => this.#fail(sentence, status),
    });
    this.resumed = await this.transfer.start();
    if (this.resumed) this.#takeUpNames();
    return undefined;
  }

  /** @param {import("./checks.js").Objection} objection why the file is rejected before its upload */
  refuse({ sentence, final }) {
    this.#enter("failed", sentence);
    this.element.dataset.refused = "";
    this.part("title").readOnly = true;
    this.part("retry").hidden = final;
    this.part("progress").hidden = true;
  }

  /** @returns {Promise<boolean>} whether this browser has sent the file within the last days; then it is not sent again */
  async #wasSent() {
    const video = this.isAgain ? null : videoOf(this.file);
    const found = video && (await readVideo(video).catch(() => null));
    if (!found || this.phase !== "uploading") return false;
    this.#learn(video);
    this.part("title").value = found.title;
    this.part("visibility").value = found.visibility;
    [this.isEarlier, this.isAgain] = [true, true];
    this.#arrive(t("You have sent this already."));
    this.#follow(found);
    return true;
  }

  /** Sends a file again that was sent before. */
  #startAgain() {
    [this.video, this.isEarlier] = [null, false];
    this.part("watch").hidden = true;
    return this.start();
  }

  #connect() {
    const on = (name, act) => this.part(name).addEventListener("click", act);
    on("pause", () => this.pause());
    on("resume", () => this.resume());
    on("retry", () => (this.isAgain && !this.transfer ? this.#startAgain() : this.#retry()));
    on("cancel", () => this.#askToCancel());
    on("duplicate-delete", () => this.#askToDelete());
    on("duplicate-keep", () => this.#answerDuplicate(keepBoth));
    this.part("title").addEventListener("change", (event) => this.#change({ title: event.target.value.trim() }));
    this.part("visibility").addEventListener("change", (event) => this.#change({ visibility: event.target.value }));
    this.part("title").addEventListener("keydown", (event) => event.key === "Enter" && event.target.blur());
  }

  pause() {
    this.transfer?.pause();
    this.#enter("paused", t("Paused"));
    this.events.onFree();
  }

  #retry() {
    this.wait();
    return this.resume();
  }

  resume() {
    if (!this.transfer) return this.start();
    this.#speed.reset();
    this.#enter("uploading", t("Resuming"));
    this.transfer.resume();
    return undefined;
  }

  /** Asks first if bytes have arrived that would be lost. */
  async #askToCancel() {
    if (!this.sent || this.phase === "arrived") return this.cancel();
    const question = {
      title: t("Cancel the upload of “{title}”?", { title: this.part("title").value }),
      text: t("What was received so far ({size}) is deleted.", { size: formatSize(this.sent) }),
      keep: t("Keep it"),
      act: t("Cancel the upload"),
    };
    return (await confirmed(question)) && this.phase !== "arrived" ? this.cancel() : undefined;
  }

  async #askToDelete() {
    const question = {
      title: t("Delete “{title}” permanently?", { title: this.part("title").value }),
      text: t("Only this copy is deleted. This cannot be undone. The earlier video stays."),
      keep: t("Keep it"),
      act: t("Delete this copy"),
    };
    if (await confirmed(question)) await this.#answerDuplicate(deleteCopy);
  }

  async cancel() {
    const wasActive = this.isActive || this.phase === "failed";
    this.#enter("cancelled", t("Cancelled"));
    if (wasActive) await this.transfer?.cancel().catch(() => {});
    this.element.remove();
    this.events.onGone(this);
  }

  /** Shows the disk space that the video will need, as far as this browser can tell. */
  async showCost() {
    if (this.looked) return;
    this.looked = true;
    const [costs, facts] = await Promise.all([readCosts(), look(this.file)]);
    if (!costs || !facts) return;
    const bytes = guess(facts, costs);
    if (!Number.isFinite(bytes)) return;
    const tooMuch = costs.free_space !== null && bytes > costs.free_space;
    const cost = this.part("cost");
    cost.textContent = tooMuch
      ? t("· about {size} with all qualities: more than the {free} that are free on the server, so some may have to wait", { size: formatSize(bytes), free: formatSize(costs.free_space) })
      : t("· about {size} on the server with all qualities", { size: formatSize(bytes) });
    cost.classList.toggle("upload-cost-warning", tooMuch);
  }

  /** Shows the server's estimate, now that it has probed the file. */
  async #showForecast() {
    if (this.foretold) return;
    this.foretold = true;
    const known = await readTimeline(this.video).catch(() => null);
    // A video whose first quality is encoded alone has a plan for that one too, without disk space.
    const planned = known?.events.findLast(({ event, detail }) => event === "planned" && Number.isFinite(detail.disk_bytes));
    this.foretold = Boolean(planned);
    if (planned) this.part("cost").textContent = t("· about {size} on the server with all qualities", { size: formatSize(known.bytes_total + planned.detail.disk_bytes) });
  }

  #enter(phase, sentence) {
    this.element.dataset.phase = phase;
    this.events.onChange();
    this.#say(sentence);
    this.part("pause").hidden = phase !== "uploading";
    this.part("resume").hidden = phase !== "paused";
    // What was sent before can be sent all the same.
    this.part("retry").hidden = phase !== "failed" && !this.isEarlier;
    this.part("cancel").hidden = !this.isActive && phase !== "failed";
    if (phase !== "uploading") this.part("numbers").textContent = "";
  }

  #say(sentence) {
    if (this.part("status").textContent !== sentence) this.part("status").textContent = sentence;
  }

  #showProgress(sent, total) {
    if (this.phase !== "uploading") return;
    this.sent = sent;
    this.events.onChange();
    this.#speed.add(sent);
    this.part("progress").value = total ? (sent / total) * 1000 : 0;
    this.#say(t("Uploading"));
    const { bytesPerSecond } = this.#speed;
    const numbers = [t("{done} of {size}", { done: formatSize(sent), size: formatSize(total) })];
    if (bytesPerSecond > 0) {
      numbers.push(t("{size}/s", { size: formatSize(bytesPerSecond) }));
      numbers.push(t("{time} left", { time: formatLeft((total - sent) / bytesPerSecond) }));
    }
    this.part("numbers").textContent = numbers.join(" · ");
  }

  #learn(video) {
    if (this.video === video) return;
    this.video = video;
    this.element.dataset.video = video;
    if (Object.keys(this.#pending).length) this.#change({});
  }

  /** Reads title and visibility from the server after a reload. */
  async #takeUpNames() {
    if (!this.video) return;
    try {
      const { title, visibility } = await readVideo(this.video);
      this.part("title").value = title;
      this.part("visibility").value = visibility;
    } catch {
      // The title from the file name stays.
    }
  }

  async #change(changes) {
    if ("title" in changes) this.#isRenamed = changes.title !== "";
    if (changes.title === "") {
      this.part("title").value = titleOf(this.file.name);
      return;
    }
    this.#pending = { ...this.#pending, ...changes };
    if (!this.video) return;
    const sent = this.#pending;
    this.#pending = {};
    try {
      await changeVideo(this.video, sent);
    } catch {
      this.#pending = { ...sent, ...this.#pending };
      toast(t("The change could not be saved."));
    }
  }

  /** @param {string} sentence @param {string} href of the existing video @param {boolean} [sure] the server has confirmed it */
  #showDuplicate(sentence, href, sure = false) {
    this.part("duplicate-link").textContent = sentence;
    this.part("duplicate-link").href = href;
    this.part("duplicate-answers").hidden = !sure;
    this.part("duplicate").hidden = false;
  }

  /** @param {(video: string) => Promise<void>} answer */
  async #answerDuplicate(answer) {
    try {
      await answer(this.video);
    } catch {
      toast(t("The change could not be saved."));
      return;
    }
    this.part("duplicate").hidden = true;
    if (answer !== deleteCopy) return;
    this.#enter("cancelled", t("This copy is deleted."));
    this.part("progress").hidden = true;
    this.part("watch").hidden = true;
  }

  /** @param {{ id: string, title: string, binned: boolean } | null} duplicate the video with the same bytes */
  #noteDuplicate(duplicate) {
    if (!duplicate) {
      this.part("duplicate").hidden = true;
    } else if (duplicate.binned) {
      this.#showDuplicate(t("You have this already, in the trash, as “{title}”.", { title: duplicate.title }), "/library/bin", true);
    } else {
      this.#showDuplicate(t("You have this already, as “{title}”.", { title: duplicate.title }), `/watch/${duplicate.id}`, true);
    }
  }

  #arrive(sentence = t("Uploaded. Preparing")) {
    this.#enter("arrived", sentence);
    const bar = this.part("progress");
    bar.value = 0;
    this.events.onFree();
    if (!this.video) return;
    rememberDone(this.file, this.video);
    const { video } = this;
    followUntilSettled(video, (now) => this.video === video && this.#follow(now));
  }

  #follow(video) {
    if (this.phase === "cancelled") return;
    this.#noteDuplicate(video.duplicate_of);
    if (!this.#isRenamed && document.activeElement !== this.part("title")) this.part("title").value = video.title;
    const bar = this.part("progress");
    const percent = Math.round((video.progress ?? 0) * 100);
    bar.value = percent * 10;
    bar.hidden = video.state === "ready" || video.state === "failed";
    if (video.state === "failed" && !video.playable) {
      this.#enter("failed", video.failure?.message ?? t("Failed"));
      // The upload is complete: the watch page offers to prepare it again.
      this.part("retry").hidden = true;
      this.part("cancel").hidden = true;
      this.#offerWatch();
      this.part("watch").querySelector("span").textContent = t("Details");
    } else if (video.playable) {
      if (video.state === "processing") this.#showForecast();
      const sentence = video.state === "ready" ? t("Ready to watch") : t("Ready to watch, more qualities are coming");
      this.#enter("playable", this.isEarlier ? t("You have sent this already.") : sentence);
      this.#offerWatch();
      this.#showPoster(video);
    } else {
      this.#say(stateText(video.waiting || video.stage || "") || t("Uploaded. Preparing"));
    }
    const working = video.state !== "ready" && video.state !== "failed";
    this.part("numbers").textContent = working ? `${percent} %` : "";
  }

  #offerWatch() {
    const link = this.part("watch");
    link.href = `/watch/${this.video}`;
    link.hidden = false;
  }

  #showPoster({ urls }) {
    if (this.poster || !urls?.poster) return;
    this.poster = Object.assign(new Image(), { className: "still-picture", alt: "", loading: "lazy", src: urls.poster });
    this.element.querySelector(".still").replaceChildren(this.poster);
  }

  #fail(sentence, status) {
    const signedOut = status === 401 || status === 403;
    this.#enter("failed", signedOut ? t("You are signed out. Sign in again, then select the same file.") : (sentence ?? t("The upload stopped. What was received is kept: try again.")));
    this.events.onFree();
  }
}

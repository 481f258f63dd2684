/**
 * The player: phases (preparing, loading, ready, failed, error), loading and reloading.
 * `data-phase` on the player decides what is shown; `data-started` is set once it has played.
 */
import "./labels.js";
import "./controls.js";
import { formatClock } from "../page/format.js";
import { t } from "../page/texts.js";
import { Hls } from "./element.js";
import { mirrorQuality } from "./quality.js";
import { connectChapters } from "./chapters.js";
import { stepFrames } from "./frames.js";
import { connectGestures } from "./gestures.js";
import { connectLoop } from "./loop.js";
import { connectMediaSession } from "./media-session.js";
import { copyMoment } from "./moment.js";
import { connectMoreMenu } from "./more-menu.js";
import { recovery } from "./recovery.js";
import { remember } from "./remember.js";
import { connectStatistics } from "./statistics.js";
import { holdPicture } from "./still.js";
import { takeUpLevels } from "./take-up.js";
import { connectTheatre } from "./theatre.js";
import { rememberTracks } from "./tracks.js";
import { Transcript } from "./transcript.js";

/** @returns {number} seconds in the URL: `#t=90` or `?t=90` */
function askedTime() {
  const text = new URLSearchParams(location.hash.slice(1)).get("t") ?? new URLSearchParams(location.search).get("t");
  const seconds = Number.parseFloat(text ?? "");
  return seconds > 0 ? seconds : 0;
}

export class Player {
  /** @param {HTMLElement} root the element `#player` */
  constructor(root) {
    this.root = root;
    /** @type {import("./element.js").StreamtimeVideo} */
    this.video = root.querySelector("streamtime-video");
    this.video.fullDuration = Number(root.dataset.durationMs || 0) / 1000;
    root.dataset.quality = "auto";
    const recover = recovery((sentence) => this.giveUp(sentence), () => this.#openAgain(), (sentence) => this.hold(sentence));
    this.followers = [mirrorQuality(root, this.video), rememberTracks(root, this.video), recover];
    this.statistics = connectStatistics(this);
    this.followers.push(this.statistics.follow);
    this.startAt = askedTime();
    remember(root, this.video, !this.startAt);
    this.#listen();
    this.toggleTheatre = connectTheatre(root);
    connectGestures(this);
    connectMediaSession(this);
    connectChapters(this.video);
    this.loop = connectLoop(this);
    const panel = document.querySelector("[data-transcript]");
    this.transcript = panel && new Transcript(this, panel);
    connectMoreMenu(root, this.#actions());
    // It uses `aria-checked`, which is allowed for the role "switch" but not for its own role "button".
    root.querySelector("media-captions-button").setAttribute("role", "switch");
    // A menu may contain menu items only: so must be its button that leads back.
    for (const menu of root.querySelectorAll("[role=menu]")) {
      menu.shadowRoot.querySelector("button[part~=back]").setAttribute("role", "menuitem");
    }
    // The whole player, so that the overlays are visible in full screen too.
    root.querySelector("media-controller").fullscreenElement = root;
    // Elsewhere the button would offer casting, which does not work with an adaptive stream.
    if (!("WebKitPlaybackTargetAvailabilityEvent" in window)) root.querySelector("media-airplay-button").remove();
    if (root.dataset.phase === "loading") this.load();
  }

  get phase() {
    return this.root.dataset.phase;
  }

  set phase(phase) {
    this.root.dataset.phase = phase;
  }

  /**
   * Loads the playlist for the first time.
   *
   * @param {{ begin?: boolean }} [options] `begin`: play as soon as possible, if the browser allows it
   */
  load({ begin = false } = {}) {
    this.phase = "loading";
    this.video.wantsPlay ||= begin;
    this.#open(this.startAt);
  }

  /** Adds new qualities from the server during playback; one request at a time. */
  takeUp() {
    this.takingUp = (this.takingUp ?? Promise.resolve()).then(() => this.#takeUpOnce()).catch(() => {});
    return this.takingUp;
  }

  async #takeUpOnce() {
    if (!this.video.api || this.phase === "error") return;
    const outcome = await takeUpLevels(this.video, this.root.dataset.src);
    if (outcome === "nothing") return;
    if (!this.video.paused) this.note(t("More qualities are available"), 4000);
    if (outcome === "other") this.#openAgain();
  }

  /** Loads the multivariant playlist again, and resumes at the same position. */
  #openAgain() {
    holdPicture(this.root, this.video);
    this.video.wantsPlay = !this.video.paused;
    this.#open(this.video.currentTime);
  }

  /** @param {string} sentence why playback stopped */
  giveUp(sentence) {
    this.startAt = this.video.currentTime;
    this.root.querySelector("[data-error]").textContent = sentence;
    this.phase = "error";
  }

  /** @param {string} sentence why playback waits; it continues automatically */
  hold(sentence) {
    const place = this.root.querySelector("[data-player-hold]");
    // Playback continues from the buffer: the viewer need not know yet.
    if (sentence && this.video.nativeEl.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return;
    if (place.textContent !== sentence) place.textContent = sentence;
    place.hidden = !sentence;
  }

  /** @param {string} text shown in the bar; empty removes it  @param {number} [forMs] */
  note(text, forMs) {
    const place = this.root.querySelector("[data-player-note]");
    clearTimeout(this.noteTimer);
    place.textContent = text;
    place.hidden = !text;
    if (forMs) this.noteTimer = setTimeout(() => this.note(""), forMs);
  }

  /** @param {string[]} names qualities that are being encoded; shown in the menu */
  prepares(names) {
    const place = this.root.querySelector("[data-player-preparing]");
    place.textContent = names.length ? t("Preparing {names} …", { names: names.join(", ") }) : "";
    place.hidden = !names.length;
  }

  /** @param {number} durationMs the duration of the finished video */
  lasts(durationMs) {
    const seconds = durationMs / 1000;
    if (this.video.fullDuration === seconds) return;
    this.video.fullDuration = seconds;
    this.root.dataset.durationMs = String(durationMs);
    this.video.dispatchEvent(new Event("durationchange"));
  }

  /** @param {string} url */
  showPoster(url) {
    if (!this.video.hasAttribute("poster")) this.video.setAttribute("poster", url);
  }

  /** @param {string} url of the storyboard for the seek bar */
  showStoryboard(url) {
    if (this.video.querySelector('track[label="thumbnails"]')) return;
    const track = document.createElement("track");
    Object.assign(track, { kind: "metadata", label: "thumbnails", default: true, src: url });
    this.video.append(track);
  }

  /** @param {number} seconds */
  seek(seconds) {
    if (!Number.isFinite(seconds)) return; // a part of a length that is not known yet
    if (!this.video.api) this.startAt = seconds;
    else this.video.currentTime = Math.max(0, seconds);
  }

  /** @param {number} seconds forward, or back where negative; the new position is shown for a moment */
  skip(seconds) {
    this.seek(this.video.currentTime + seconds);
    this.flash(formatClock(this.video.currentTime));
  }

  /** @param {string} text shown large over the video for a moment */
  flash(text) {
    const span = document.createElement("span");
    span.textContent = text;
    this.root.querySelector("[data-player-flash]").replaceChildren(span);
  }

  /** @param {string} text shown over the video for a moment, and announced by screen readers */
  say(text) {
    this.flash(text);
    this.root.querySelector("[data-player-say]").textContent = text;
  }

  /** @param {number} count frames forward, or back where negative */
  stepFrames(count) {
    stepFrames(this, count);
  }

  copyMoment() {
    return copyMoment(this);
  }

  /** @param {number} width @param {number} height of the video, in pixels */
  takeShape(width, height) {
    this.root.style.setProperty("--film-width", String(width));
    this.root.style.setProperty("--film-height", String(height));
    this.root.toggleAttribute("data-tall", height > width);
  }

  /** @returns {Record<string, import("./more-menu.js").Action>} */
  #actions() {
    const { loop, statistics, transcript } = this;
    return {
      ...(transcript && { transcript: { run: () => transcript.toggle(), isOn: () => transcript.isOpen } }),
      statistics: { run: statistics.toggle, isOn: statistics.isOpen },
      loop: { run: loop.toggle, isOn: loop.isOn },
      "loop-start": { run: loop.setStart },
      "loop-end": { run: loop.setEnd },
      "loop-clear": { run: loop.clear },
      "frame-back": { run: () => this.stepFrames(-1), stays: true },
      "frame-forward": { run: () => this.stepFrames(1), stays: true },
      ...(document.pictureInPictureEnabled && { pip: { run: () => this.root.querySelector("media-pip-button").click() } }),
      "copy-moment": { run: () => this.copyMoment() },
    };
  }

  async #open(at) {
    await this.video.open(this.root.dataset.src, at);
    // The element creates its hls.js in a microtask.
    await Promise.resolve();
    await Promise.resolve();
    const hls = this.video.api;
    if (!hls) return this.#openNative(at);
    for (const follow of this.followers) follow(hls);
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      if (!this.video.wantsPlay) return;
      this.video.wantsPlay = false;
      this.video.play().catch(() => {});
    });
    return undefined;
  }

  #openNative(at) {
    if (!this.video.nativeEl.canPlayType("application/vnd.apple.mpegurl")) {
      this.giveUp(t("This browser cannot play adaptive video."));
      return;
    }
    const go = () => {
      this.video.currentTime = at;
      if (this.video.wantsPlay) this.video.play();
      this.video.wantsPlay = false;
    };
    this.video.addEventListener("loadedmetadata", go, { once: true });
  }

  #listen() {
    const { root, video } = this;
    video.addEventListener("loadeddata", () => {
      this.phase = "ready";
    });
    video.addEventListener("playing", () => {
      root.dataset.started = "";
      this.note("");
    });
    video.addEventListener("waiting", () => {
      if (video.isGrowing && video.currentTime > video.reach - 2) this.note(t("Waiting for more of the video"));
    });
    const menu = root.querySelector("media-settings-menu");
    menu.addEventListener("change", (event) => {
      // A choice was made: close the menu.
      if (event.target !== menu) menu.hidden = true;
    });
    root.querySelector("[data-player-start]").addEventListener("click", () => {
      video.play().catch(() => {});
      root.querySelector("media-controller").focus();
    });
    root.querySelector("[data-player-retry]").addEventListener("click", () => {
      video.wantsPlay = root.dataset.started !== undefined;
      this.load();
    });
  }
}

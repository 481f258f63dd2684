/**
 * The transcript: the captions as lines beside the player that seek, are searched, and follow the video until the viewer
 * scrolls. It shows the track of the captions menu, or the first one while captions are off.
 */
import { formatClock } from "../page/format.js";
import { t } from "../page/texts.js";
import { fetchCues } from "./webvtt.js";

const SCROLL_KEYS = ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"];

/** @param {string} text @returns {string} of the same length, without case and accents */
const folded = (text) => text.replace(/[^\0-\x7f]/g, (letter) => letter.normalize("NFD")[0]).toLowerCase();

/** @param {string} name @param {Record<string, string>} properties @param {(Node | string)[]} children */
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** @param {string} text @param {string} query folded @returns {(Node | string)[]} the text with its matches marked */
function marked(text, query) {
  const plain = folded(text);
  const parts = [];
  let from = 0;
  for (let at = query ? plain.indexOf(query) : -1; at >= 0; at = plain.indexOf(query, from)) {
    parts.push(text.slice(from, at), element("mark", {}, text.slice(at, at + query.length)));
    from = at + query.length;
  }
  return [...parts, text.slice(from)];
}

export class Transcript {
  /** @param {import("./player.js").Player} player @param {HTMLElement} panel */
  constructor(player, panel) {
    this.player = player;
    this.panel = panel;
    this.list = panel.querySelector("[data-transcript-lines]");
    this.search = panel.querySelector("[data-transcript-search]");
    this.followButton = panel.querySelector("[data-transcript-follow]");
    /** @type {{ start: number, text: string, row: HTMLElement, button: HTMLElement }[]} */
    this.lines = [];
    this.current = null;
    this.url = "";
    this.#listen();
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  /** @returns {any[]} the caption tracks of hls.js */
  get tracks() {
    return this.player.video.api?.allSubtitleTracks ?? [];
  }

  toggle() {
    if (!this.isOpen && !this.tracks.length) {
      this.player.say(t("This video has no captions"));
      return;
    }
    this.panel.hidden = this.isOpen;
    if (!this.isOpen) return;
    this.#follow(true);
    this.#load();
  }

  close() {
    this.panel.hidden = true;
    this.player.root.querySelector("media-controller").focus();
  }

  async #load() {
    const shown = this.player.root.dataset.captions;
    const track = this.tracks.find(({ name }) => name === shown) ?? this.tracks[0];
    if (!track || track.url === this.url || !this.isOpen) return;
    this.url = track.url;
    this.panel.querySelector("[data-transcript-track]").textContent = track.name;
    try {
      const cues = await fetchCues(track.url);
      if (this.url === track.url) this.#show(cues);
    } catch {
      this.url = "";
      this.#note(t("The transcript could not be loaded. Close and open it to try again."));
    }
  }

  /** @param {import("./webvtt.js").Cue[]} cues */
  #show(cues) {
    this.lines = cues.map(({ start, text }) => {
      const words = element("span", {}, text);
      const time = element("span", { className: "transcript-time" }, formatClock(start));
      const button = element("button", { type: "button", tabIndex: -1 }, time, words);
      button.addEventListener("click", () => {
        this.#follow(true);
        this.player.seek(start);
      });
      return { start, text, words, button, row: element("li", {}, button) };
    });
    this.current = null;
    this.list.replaceChildren(...this.lines.map(({ row }) => row));
    this.#find();
    this.#mark();
  }

  /** Shows the lines that contain the words of the search field. */
  #find() {
    const query = folded(this.search.value.trim());
    let found = 0;
    for (const line of this.lines) {
      line.row.hidden = query !== "" && !folded(line.text).includes(query);
      if (!line.row.hidden) found += 1;
      if (query || line.words.childElementCount) line.words.replaceChildren(...marked(line.text, line.row.hidden ? "" : query));
    }
    this.#note(query ? t("{count} of {total} lines", { count: found, total: this.lines.length }) : "");
    this.#chooseTabStop();
    this.#scroll();
  }

  /** @param {string} text below the search field */
  #note(text) {
    this.panel.querySelector("[data-transcript-note]").textContent = text;
  }

  #mark() {
    if (!this.isOpen) return;
    const { currentTime } = this.player.video;
    const line = this.lines.findLast(({ start }) => start <= currentTime + 0.01) ?? null;
    if (line === this.current) return;
    this.current?.button.removeAttribute("aria-current");
    line?.button.setAttribute("aria-current", "true");
    this.current = line;
    if (!this.list.contains(document.activeElement)) this.#chooseTabStop();
    this.#scroll();
  }

  /** One line is reached by Tab, the others by arrow keys. */
  #chooseTabStop(button = null) {
    const shown = this.lines.filter(({ row }) => !row.hidden);
    const chosen = button ?? (shown.includes(this.current) ? this.current : shown[0])?.button;
    for (const line of this.lines) line.button.tabIndex = line.button === chosen ? 0 : -1;
  }

  #scroll() {
    if (!this.isFollowing || !this.current || this.current.row.hidden) return;
    const { row } = this.current;
    this.list.scrollTo({ top: row.offsetTop - (this.list.clientHeight - row.offsetHeight) / 2 });
  }

  #follow(isFollowing) {
    this.isFollowing = isFollowing;
    this.followButton.hidden = isFollowing;
    this.#scroll();
  }

  /** @param {KeyboardEvent} event arrow keys move through the lines */
  #walk(event) {
    if (!SCROLL_KEYS.includes(event.key)) return;
    event.stopPropagation();
    this.#follow(false);
    const buttons = this.lines.filter(({ row }) => !row.hidden).map(({ button }) => button);
    const at = buttons.indexOf(document.activeElement);
    const places = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 };
    if (!(event.key in places)) return;
    event.preventDefault();
    const next = buttons[Math.min(Math.max(places[event.key], 0), buttons.length - 1)];
    this.#chooseTabStop(next);
    next?.focus();
  }

  #listen() {
    const { player, panel, list, search } = this;
    const { video } = player;
    for (const name of ["timeupdate", "seeking"]) video.addEventListener(name, () => this.#mark());
    // After the player has mirrored which captions are shown.
    video.textTracks.addEventListener("change", () => setTimeout(() => this.#load()));
    search.addEventListener("input", () => this.#find());
    for (const name of ["wheel", "touchmove"]) list.addEventListener(name, () => this.#follow(false), { passive: true });
    // On the scroll bar, beside the lines.
    list.addEventListener("pointerdown", ({ target }) => target === list && this.#follow(false));
    list.addEventListener("keydown", (event) => this.#walk(event));
    this.followButton.addEventListener("click", () => this.#follow(true));
    panel.querySelector("[data-transcript-close]").addEventListener("click", () => this.close());
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      if (!search.value) return this.close();
      search.value = "";
      return this.#find();
    });
  }
}

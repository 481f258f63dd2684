/**
 * Plays through a playlist: goes to the next video some seconds after the end unless that is stopped, and to the next
 * or previous one by Shift+N, Shift+P and media keys. The page lists the videos and has all URLs (play-queue.html).
 */
import { isTyping } from "../page/forms.js";

const COUNTDOWN_S = 6;
/** In the session's storage: the path of the page that starts to play by itself. */
const CONTINUES = "streamtime.continues";

/** @param {string | undefined} href */
function go(href) {
  if (!href) return;
  try {
    sessionStorage.setItem(CONTINUES, new URL(href, location.href).pathname);
  } catch {
    // Without storage the next video waits for its play button.
  }
  location.assign(href);
}

/** @returns {boolean} whether this page was reached by playing through a playlist */
function takeContinues() {
  try {
    const path = sessionStorage.getItem(CONTINUES);
    sessionStorage.removeItem(CONTINUES);
    return path === location.pathname;
  } catch {
    return false;
  }
}

class UpNext {
  /** @param {import("./player.js").Player} player @param {HTMLElement} panel @param {string} href of the next video */
  constructor(player, panel, href) {
    Object.assign(this, { player, panel, href });
    player.video.addEventListener("ended", () => this.start());
    for (const name of ["play", "seeking"]) player.video.addEventListener(name, () => this.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stop();
    });
  }

  start() {
    const template = this.panel.querySelector("template[data-up-next]");
    if (!template || this.element || document.querySelector("dialog[open]")) return;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.querySelector("[data-up-next-stop]").addEventListener("click", () => this.stop());
    this.player.root.append(this.element);
    this.left = COUNTDOWN_S;
    this.tick();
    this.timer = setInterval(() => this.tick(), 1000);
  }

  tick() {
    this.element.querySelector("[data-up-next-left]").textContent = String(this.left);
    if (this.left === 0) {
      clearInterval(this.timer);
      go(this.href);
    }
    this.left -= 1;
  }

  stop() {
    clearInterval(this.timer);
    this.element?.remove();
    this.element = undefined;
  }
}

/** @param {{ previous?: string, next?: string }} hrefs */
function connectKeys({ previous, next }) {
  document.addEventListener("keydown", (event) => {
    if (!event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "N") go(next);
    if (event.key === "P") go(previous);
  });
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.setActionHandler("nexttrack", next ? () => go(next) : null);
  navigator.mediaSession.setActionHandler("previoustrack", previous ? () => go(previous) : null);
}

/** @param {import("./player.js").Player} player */
export function connectPlayQueue(player) {
  const panel = document.querySelector("[data-queue]");
  if (!panel) return;
  const [previous, next] = ["previous", "next"].map((name) => panel.querySelector(`[data-queue-go="${name}"]`)?.href);
  if (takeContinues()) player.video.wantsPlay = true;
  panel.addEventListener("htmx:afterSettle", () => {
    const list = panel.querySelector("ol");
    const current = list.querySelector("[aria-current]");
    if (!current) return;
    list.scrollTop = current.offsetTop - list.offsetTop - current.offsetHeight;
  });
  connectKeys({ previous, next });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-queue-go]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.href);
  });
  if (next) new UpNext(player, panel, next);
}

/**
 * What follows the video: goes there some seconds after the end unless that is stopped, and by Shift+N, Shift+P and
 * media keys. A page reached like this begins to play by itself.
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

/** @returns {boolean} whether this page was reached from another video */
export function takeContinues() {
  try {
    const path = sessionStorage.getItem(CONTINUES);
    sessionStorage.removeItem(CONTINUES);
    return path === location.pathname;
  } catch {
    return false;
  }
}

/** Shows the next video over the player at its end, and counts down. */
export class UpNext {
  /**
   * @param {import("./player.js").Player} player
   * @param {HTMLElement} panel with the template and the links
   * @param {() => HTMLAnchorElement | null | undefined} choose the link of the next video in the panel, if one is to follow
   */
  constructor(player, panel, choose) {
    Object.assign(this, { player, panel, choose });
    player.video.addEventListener("ended", () => this.start());
    for (const name of ["play", "seeking"]) player.video.addEventListener(name, () => this.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stop();
    });
  }

  start() {
    const template = this.panel.querySelector("template[data-up-next]");
    const link = this.choose();
    if (!template || !link || this.element || document.querySelector("dialog[open]")) return;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.querySelector("[data-up-next-title]").textContent = link.querySelector("[data-queue-title]").textContent;
    this.element.querySelector("a").href = link.href;
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
      go(this.element.querySelector("a").href);
    }
    this.left -= 1;
  }

  stop() {
    clearInterval(this.timer);
    this.element?.remove();
    this.element = undefined;
  }
}

/** @param {() => string | undefined} next @param {() => string | undefined} previous addresses of the videos around */
function connectKeys(next, previous) {
  document.addEventListener("keydown", (event) => {
    if (!event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "N") go(next());
    if (event.key === "P") go(previous());
  });
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.setActionHandler("nexttrack", next() ? () => go(next()) : null);
  navigator.mediaSession.setActionHandler("previoustrack", previous() ? () => go(previous()) : null);
}

/**
 * Follows links to other videos, and the keys for the next and the previous one.
 *
 * @param {() => string | undefined} next @param {() => string | undefined} [previous]
 */
export function connectGoing(next, previous = () => undefined) {
  connectKeys(next, previous);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-queue-go]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.href);
  });
}

/**
 * What to watch after the video: it follows by itself where the switch "Autoplay" is on (related.html). The switch
 * changes the preference of an account, and of visitors a setting of the browser.
 */
import { savePreferences } from "../page/preferences.js";
import { keepSettings, settings } from "./memory.js";
import { UpNext, connectGoing } from "./up-next.js";

/** In the session's storage: the paths that were watched, so that two videos do not follow each other for ever. */
const WATCHED = "streamtime.watched";
const WATCHED_KEPT = 100;

/** @returns {string[]} the paths watched in this tab, with this one */
function noteWatched() {
  try {
    const before = JSON.parse(sessionStorage.getItem(WATCHED) ?? "[]").filter((path) => path !== location.pathname);
    const all = [...before, location.pathname].slice(-WATCHED_KEPT);
    sessionStorage.setItem(WATCHED, JSON.stringify(all));
    return all;
  } catch {
    return [location.pathname];
  }
}

/**
 * @param {string} preference of the account: "on", "off", "auto", or "" for visitors
 * @returns {boolean} whether the next video follows by itself: chosen, or else unless less motion is asked for
 */
function followsByItself(preference) {
  const chosen = preference ? { on: true, off: false }[preference] : settings().autoplay;
  return chosen ?? !matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** @param {import("./player.js").Player} player */
export function connectRelated(player) {
  const panel = document.querySelector("[data-related]");
  if (!panel) return;
  const watched = noteWatched();
  /** @type {HTMLInputElement} */
  const autoplay = panel.querySelector("[data-autoplay]");
  const preference = autoplay.dataset.autoplay;
  autoplay.checked = followsByItself(preference);
  const next = () => [...panel.querySelectorAll("ol a")].find((link) => !watched.includes(link.pathname));
  const upNext = new UpNext(player, panel, () => (autoplay.checked ? next() : undefined));
  autoplay.addEventListener("change", () => {
    if (preference) savePreferences({ autoplay: autoplay.checked ? "on" : "off" });
    else keepSettings({ autoplay: autoplay.checked });
    if (!autoplay.checked) upNext.stop();
  });
  // The list is fetched after the page.
  panel.addEventListener("htmx:afterSettle", () => connectGoing(() => next()?.href), { once: true });
}

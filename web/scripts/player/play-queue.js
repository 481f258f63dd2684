/** Plays through a playlist. The page lists the videos and has all URLs (play-queue.html). */
import { UpNext, connectGoing } from "./up-next.js";

/** @param {import("./player.js").Player} player */
export function connectPlayQueue(player) {
  const panel = document.querySelector("[data-queue]");
  if (!panel) return;
  panel.addEventListener("htmx:afterSettle", () => {
    const list = panel.querySelector("ol");
    const current = list.querySelector("[aria-current]");
    if (!current) return;
    list.scrollTop = current.offsetTop - list.offsetTop - current.offsetHeight;
  });
  const [previous, next] = ["previous", "next"].map((name) => panel.querySelector(`[data-queue-go="${name}"]`)?.href);
  connectGoing(() => next, () => previous);
  new UpNext(player, panel, () => panel.querySelector('ol [data-queue-go="next"]'));
}

/** Copies the address of this page with the current time, which the player reads from `t`. */
import { copyText } from "../page/copy.js";
import { t } from "../page/texts.js";

/** @param {number} seconds @returns {string} */
function momentUrl(seconds) {
  const url = new URL(location.href);
  // An embedded player is a part of another site: the link leads to the watch page.
  url.pathname = url.pathname.replace(/^\/embed\//, "/watch/");
  url.hash = "";
  url.searchParams.set("t", String(Math.floor(seconds)));
  return url.href;
}

/** @param {import("./player.js").Player} player */
export async function copyMoment(player) {
  const done = await copyText(momentUrl(player.video.currentTime));
  player.say(done ? t("Link copied") : t("This browser did not copy the link"));
}

/**
 * Mirrors the video quality in attributes of the player, for styles and tests:
 * `data-levels` available heights, best first; `data-level` the height on screen; `data-quality` "auto" or the height chosen.
 * Keeps a chosen height when the playlist is loaded again.
 */
import { Hls } from "./element.js";

/** @param {{ width: number, height: number }} level @returns {number} the shorter side, as in "720p" */
const rank = (level) => Math.min(level.width || level.height, level.height);

/** @param {HTMLElement} player @param {import("./element.js").StreamtimeVideo} video */
export function mirrorQuality(player, video) {
  const { videoRenditions } = video;
  let restoring = false;

  videoRenditions.addEventListener("change", () => {
    if (restoring) return;
    const chosen = videoRenditions[videoRenditions.selectedIndex];
    player.dataset.quality = chosen ? String(rank(chosen)) : "auto";
  });

  /** Called for each new hls.js, once listeners can be added. */
  return function follow(hls) {
    const offer = (levels) => {
      player.dataset.levels = [...new Set(levels.map(rank))].sort((a, b) => b - a).join(" ");
    };
    hls.on(Hls.Events.LEVELS_UPDATED, (_event, { levels }) => offer(levels));
    hls.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => {
      offer(levels);
      const wanted = Number(player.dataset.quality);
      if (!wanted) return;
      restoring = true;
      videoRenditions.selectedIndex = [...videoRenditions].findIndex((rendition) => rank(rendition) === wanted);
      restoring = false;
    });
    hls.on(Hls.Events.LEVEL_SWITCHED, (_event, { level }) => {
      player.dataset.level = String(rank(hls.levels[level]));
    });
  };
}

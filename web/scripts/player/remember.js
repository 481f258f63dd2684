/** Restores volume and speed, stores the position, and offers to resume. */
import { formatClock } from "../page/format.js";
import { t } from "../page/texts.js";
import { keepPosition, keepSettings, position, settings } from "./memory.js";
import { reportPosition } from "./report.js";

/** Positions that are not worth resuming at: the first seconds, and the credits. */
const HEAD_S = 12;
const TAIL_S = 15;
const KEEP_EVERY_MS = 5000;
const PROMPT_SHOWN_MS = 12_000;

/** @param {import("./element.js").StreamtimeVideo} video */
function rememberSettings(video) {
  const { volume, muted, rate } = settings();
  if (volume !== undefined) video.volume = volume;
  if (muted) video.muted = true;
  if (rate) {
    video.defaultPlaybackRate = rate;
    video.playbackRate = rate;
  }
  const keep = () => keepSettings({ volume: video.volume, muted: video.muted, rate: video.playbackRate });
  video.addEventListener("volumechange", keep);
  video.addEventListener("ratechange", () => {
    // Loading resets the rate to the default rate, so that must be the chosen one too.
    if (video.readyState > 0) video.defaultPlaybackRate = video.playbackRate;
    keep();
  });
}

/** @param {import("./element.js").StreamtimeVideo} video @param {string} id */
function rememberPosition(video, id) {
  let keptAt = 0;
  const keep = () => {
    const { currentTime, duration } = video;
    if (!video.played.length || !(duration > 0)) return;
    const worthIt = currentTime > HEAD_S && currentTime < duration - TAIL_S;
    keepPosition(id, worthIt ? currentTime : 0);
    keptAt = performance.now();
  };
  video.addEventListener("timeupdate", () => performance.now() - keptAt > KEEP_EVERY_MS && keep());
  video.addEventListener("pause", keep);
  window.addEventListener("pagehide", keep);
}

/** @param {HTMLElement} player @param {import("./element.js").StreamtimeVideo} video @param {number} seconds */
function offer(player, video, seconds) {
  const prompt = player.querySelector("[data-player-resume]");
  prompt.querySelector("[data-resume-text]").textContent = t("Continue at {time}", { time: formatClock(seconds) });
  prompt.hidden = false;
  const dismiss = () => {
    prompt.hidden = true;
  };
  prompt.querySelector("[data-resume]").addEventListener("click", () => {
    dismiss();
    video.currentTime = seconds;
    video.play();
  });
  prompt.querySelector("[data-resume-dismiss]").addEventListener("click", () => {
    dismiss();
    video.play();
  });
  video.addEventListener("playing", () => setTimeout(dismiss, PROMPT_SHOWN_MS), { once: true });
}

/** @param {HTMLElement} player @param {import("./element.js").StreamtimeVideo} video @param {boolean} mayOffer */
export function remember(player, video, mayOffer) {
  const id = player.dataset.video;
  // A signed-in viewer's position is kept by the server, so that each device continues where the last one stopped.
  const kept = player.dataset.resumeMs;
  const seconds = kept === undefined ? position(id) : Number(kept) / 1000;
  rememberSettings(video);
  if (kept === undefined) rememberPosition(video, id);
  reportPosition(player, video);
  if (seconds && mayOffer) offer(player, video, seconds);
}

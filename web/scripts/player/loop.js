/** Repeats the video, or the part between two moments, A and B, which the seek bar shows. */
import { formatClock } from "../page/format.js";
import { t } from "../page/texts.js";

/** A part that ends this close to the end of the video ends with it. */
const END_MARGIN_S = 0.5;

/** @param {import("./player.js").Player} player */
export function connectLoop(player) {
  const { root, video } = player;
  const bar = root.querySelector("[data-player-loop]");
  /** @type {{ start: number | null, end: number | null }} seconds */
  const part = { start: null, end: null };
  let before = 0;
  let isWatching = false;

  const show = () => {
    const { duration } = video;
    bar.hidden = part.start === null || !(duration > 0);
    bar.toggleAttribute("data-open", part.end === null);
    bar.style.setProperty("--loop-start", String(part.start / duration));
    bar.style.setProperty("--loop-end", String((part.end ?? duration) / duration));
    root.dataset.loop = part.end === null ? "" : `${part.start.toFixed(2)} ${part.end.toFixed(2)}`;
  };
  /** Goes back to A when playback reaches B; a seek beyond B leaves the part. */
  const tick = () => {
    const now = video.currentTime;
    const isReached = part.end !== null && before < part.end && now >= part.end;
    before = now;
    if (isReached && !video.seeking) video.currentTime = part.start;
  };
  /** Events of the video come four times a second: frames are more exact. */
  const watch = () => {
    if (isWatching) return;
    isWatching = true;
    const next = () => {
      isWatching = part.end !== null && !video.paused;
      if (!isWatching) return;
      tick();
      requestAnimationFrame(next);
    };
    next();
  };

  video.addEventListener("playing", watch);
  video.addEventListener("timeupdate", tick);
  video.addEventListener("seeking", () => {
    before = video.currentTime;
  });
  video.addEventListener("durationchange", show);
  video.addEventListener("ended", () => {
    if (part.end === null || part.end < video.duration - END_MARGIN_S) return;
    video.currentTime = part.start;
    video.play().catch(() => {});
  });

  /** @param {"start" | "end"} side A or B is the current time; the earlier of both becomes A */
  const set = (side) => {
    part[side] = video.currentTime;
    if (part.start === null) part.start = 0;
    if (part.end !== null && part.end < part.start) [part.start, part.end] = [part.end, part.start];
    if (part.end === part.start) part.end = null;
    before = video.currentTime;
    show();
    watch();
    const times = { start: formatClock(part.start), end: formatClock(part.end) };
    player.say(part.end === null ? t("Loop from {start}", times) : t("Loop from {start} until {end}", times));
  };
  return {
    setStart: () => set("start"),
    setEnd: () => set("end"),
    clear: () => {
      Object.assign(part, { start: null, end: null });
      show();
      player.say(t("No part is looped"));
    },
    toggle: () => {
      video.loop = !video.loop;
      player.say(video.loop ? t("Loop is on") : t("Loop is off"));
    },
    isOn: () => video.loop,
  };
}

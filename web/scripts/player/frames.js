/** Steps from frame to frame, by the frame rate of the current quality. */

/** Where the playlist names no rate: close to most films and cameras. */
const DEFAULT_RATE = 30;
/** Frames; a position that was rounded down still belongs to its frame. */
const TOLERANCE = 0.01;

/** @param {import("./element.js").StreamtimeVideo} video @returns {number} frames per second */
export function frameRate(video) {
  const { levels = [], currentLevel = 0 } = video.api ?? {};
  const named = (levels[currentLevel] ?? levels[0])?.frameRate || DEFAULT_RATE;
  // FRAME-RATE has three decimals; the rates of television are multiples of 1000/1001.
  const nominal = Math.round(named * 1.001);
  return Math.abs(named * 1.001 - nominal) < 0.002 ? (nominal * 1000) / 1001 : named;
}

/** @param {import("./player.js").Player} player @param {number} count frames forward, or back where negative */
export function stepFrames(player, count) {
  const { video } = player;
  if (!video.paused) video.pause();
  const rate = frameRate(video);
  const last = Math.floor(video.duration * rate - TOLERANCE);
  const frame = Math.floor(video.currentTime * rate + TOLERANCE) + count;
  // To the middle of the frame, so that rounding does not show its neighbour.
  player.seek((Math.min(Math.max(frame, 0), last) + 0.5) / rate);
}

/** Reports the position and the time played to the server: every few seconds, and when playback pauses or the page closes. */
import { csrfToken } from "../page/csrf.js";

const EVERY_MS = 10_000;
const LONGEST_STEP_S = 2;

/** @param {HTMLElement} root the player @param {import("./element.js").StreamtimeVideo} video */
export function reportPosition(root, video) {
  const url = root.dataset.report;
  if (!url) return;
  let played = 0;
  let last = 0;
  let sent = 0;
  let sentPlayed = 0;
  const send = () => {
    if (played === sentPlayed) return;
    sent = performance.now();
    sentPlayed = played;
    const body = JSON.stringify({ position_ms: Math.round(video.currentTime * 1000), played_ms: Math.round(played * 1000) });
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() };
    fetch(url, { method: "PUT", headers, body, keepalive: true }).catch(() => {}); // the next report has everything
  };
  video.addEventListener("timeupdate", () => {
    const step = video.currentTime - last;
    last = video.currentTime;
    if (video.paused || step <= 0 || step > LONGEST_STEP_S * Math.max(1, video.playbackRate)) return;
    played += step;
    if (performance.now() - sent > EVERY_MS) send();
  });
  for (const event of ["pause", "ended", "seeked"]) video.addEventListener(event, send);
  window.addEventListener("pagehide", send);
}

/** Follows one video over the event stream, and shows its state, its title and who may watch it on its page. */
import { formatClock, formatLeft, formatSpeed } from "../page/format.js";
import { stateText } from "../page/states.js";
import { t } from "../page/texts.js";
import { Feed } from "./feed.js";
import { refreshParts } from "./parts.js";

/** @typedef {{ state: string, playable: boolean, progress: number, stage: string | null,
 *   speed: number | null, left_s: number | null, waiting: string | null,
 *   failure: { code: string, message: string, final: boolean } | null, renditions: string[], preparing: string[], duration_ms: number | null,
 *   width: number | null, height: number | null, urls?: { poster: string | null, storyboard: string | null } }} VideoState */

/** @param {string} selector @param {(element: any) => void} change */
const each = (selector, change) => document.querySelectorAll(selector).forEach(change);

/** @param {VideoState} video */
function show(video) {
  const percent = Math.round((video.progress ?? 0) * 100);
  each("[data-progress]", (bar) => {
    bar.value = percent;
  });
  each("[data-percent]", (figure) => {
    figure.textContent = percent;
  });
  const stage = video.waiting ?? video.stage;
  if (stage) each("[data-stage]", (line) => (line.textContent = stateText(stage)));
  showPace(video);
  if (video.failure) {
    each("[data-failure]", (line) => (line.textContent = video.failure.message));
    each("[data-failed-passing]", (part) => (part.hidden = video.failure.final));
    each("[data-failed-final]", (part) => (part.hidden = !video.failure.final));
  }
  each("[data-state-card]", (card) => {
    card.dataset.state = video.state;
    card.dataset.playable = String(video.playable);
    card.hidden = video.state === "ready";
  });
  each("[data-state-work]", (part) => (part.hidden = video.state === "failed"));
  each("[data-state-failed]", (part) => (part.hidden = video.state !== "failed"));
  showFact("length", video.duration_ms ? formatClock(video.duration_ms / 1000) : "");
  showFact("picture", video.width && video.height ? `${video.width} × ${video.height}` : "");
  showFact("qualities", video.renditions?.join(", "));
}

/** Speed and time left, which only the owner gets, during processing. @param {VideoState} video */
function showPace({ speed, left_s: left }) {
  const parts = [];
  if (speed) parts.push(formatSpeed(speed));
  if (left) parts.push(t("{time} left", { time: formatLeft(left) }));
  each("[data-pace]", (line) => {
    line.textContent = parts.join(" · ");
    line.hidden = !parts.length;
  });
}

/** @param {string} name @param {string | undefined} text shown once it is known */
function showFact(name, text) {
  if (!text) return;
  each(`[data-fact="${name}"]`, (fact) => {
    fact.textContent = text;
    fact.parentElement.hidden = false;
  });
}

/** @param {VideoState} video @param {import("../player/player.js").Player} player */
function movePlayer(video, player) {
  const { dataset } = player.root;
  const before = `${dataset.renditions} ${dataset.state}`;
  dataset.state = video.state;
  dataset.playable = String(video.playable);
  if (video.renditions) dataset.renditions = video.renditions.join(" ");
  player.prepares(video.preparing ?? []);
  if (video.duration_ms) player.lasts(video.duration_ms);
  if (video.width && video.height) player.takeShape(video.width, video.height);
  if (video.urls?.poster) player.showPoster(video.urls.poster);
  if (video.urls?.storyboard) player.showStoryboard(video.urls.storyboard);
  // Playback starts automatically, as the page announced; a tab in the background waits until it is visible.
  if (video.playable && (player.phase === "preparing" || player.phase === "failed")) player.load({ begin: !document.hidden });
  else if (video.state === "failed" && !video.playable) player.phase = "failed";
  else if (before !== `${dataset.renditions} ${dataset.state}`) player.takeUp();
}

/** @param {VideoState} video its title and who may watch it, if these were changed meanwhile */
function showTexts(video, known) {
  if (known.title === video.title && known.visibility === video.visibility && known.description === video.description) return;
  each(".watch-title", (heading) => (heading.textContent = video.title));
  refreshParts();
}

/** @param {import("../player/player.js").Player} player */
export function followVideo(player) {
  const { video, state } = player.root.dataset;
  const settled = state === "ready" || state === "failed";
  const feed = new Feed(`video:${video}`);
  /** @type {VideoState | null} */
  let known = null;
  const hear = (now) => {
    if (now.id !== video) return;
    if (known) showTexts(now, known);
    // The first one says what the page shows already, unless the video is in work.
    const isNews = known ? !isSame(known, now) : !settled || now.state !== state;
    known = now;
    if (!isNews) return;
    show(now);
    movePlayer(now, player);
  };
  // Deleted, or no longer shared with this viewer.
  const lose = () => {
    feed.close();
    player.video.pause();
    player.giveUp(t("The video is no longer here, or no longer shared with you."));
  };
  feed.addEventListener("video", (event) => hear(JSON.parse(event.data)));
  feed.addEventListener("gone", lose);
  // Without a stream the page polls, whenever a stream is refused.
  feed.addEventListener("refused", async () => {
    const answer = await fetch(`/api/v1/videos/${encodeURIComponent(video)}`).catch(() => null);
    if (answer?.status === 404) lose();
    else if (answer?.ok) hear(await answer.json());
  });
}

/** @param {VideoState} one @param {VideoState} other */
const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

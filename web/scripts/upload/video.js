/** The API calls of the upload page: read a video, change it, follow it until it can be watched. */
import { RestingEventSource } from "../live/resting-event-source.js";
import { csrfToken } from "../page/csrf.js";

/** Event streams at once; further rows poll. Browsers allow six connections per host over all tabs. */
const MOST_STREAMS = 2;
const ASK_EVERY_MS = 3000;
let streams = 0;

/** @param {string} id @returns {Promise<any>} */
export const readVideo = (id) => read(`/api/v1/videos/${encodeURIComponent(id)}`);

/** @param {string} id @returns {Promise<any>} */
export const readTimeline = (id) => read(`/api/v1/videos/${encodeURIComponent(id)}/timeline`);

async function read(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

/** @param {string} id @param {{ title?: string, visibility?: string }} changes */
export async function changeVideo(id, changes) {
  const answer = await fetch(`/api/v1/videos/${encodeURIComponent(id)}`, {
    method: "PATCH",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() },
    body: JSON.stringify(changes),
  });
  if (!answer.ok) throw new Error(`${answer.status}`);
}

/** @param {string} id deletes a duplicate permanently */
export const deleteCopy = (id) => send(`/api/v1/videos/${encodeURIComponent(id)}?now=true`, "DELETE");

/** @param {string} id keeps a duplicate */
export const keepBoth = (id) => send(`/api/v1/videos/${encodeURIComponent(id)}/keep`, "POST");

async function send(address, method) {
  const answer = await fetch(address, { method, headers: { "X-CSRF-Token": csrfToken() } });
  if (!answer.ok) throw new Error(`${answer.status}`);
}

const isSettled = (video) => video.state === "ready" || video.state === "failed";

/** @param {string} id @param {(video: any) => void} onChange called until the video is ready or failed */
export function followUntilSettled(id, onChange) {
  if (streams < MOST_STREAMS) listen(id, onChange);
  else ask(id, onChange);
}

function listen(id, onChange) {
  streams += 1;
  const source = new RestingEventSource(`/api/v1/events?video=${encodeURIComponent(id)}`);
  const end = () => {
    source.close();
    streams -= 1;
  };
  source.addEventListener("video", (event) => {
    const video = JSON.parse(event.data);
    if (video.id !== id) return;
    onChange(video);
    if (!isSettled(video) || source.readyState === EventSource.CLOSED) return;
    end();
  });
  source.addEventListener("gone", end);
}

function ask(id, onChange) {
  setTimeout(async () => {
    let settled = false;
    try {
      const video = document.hidden ? null : await readVideo(id);
      if (video) onChange(video);
      settled = video !== null && isSettled(video);
    } catch {
      // The next poll may succeed.
    }
    if (!settled) ask(id, onChange);
  }, ASK_EVERY_MS);
}

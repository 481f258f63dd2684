/** The API calls of the upload page: read a video, change it, follow it until it can be watched. */
import { Feed } from "../live/feed.js";
import { csrfToken } from "../page/csrf.js";

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

/** The videos that are followed, and what to call. @type {Map<string, (video: any) => void>} */
const followed = new Map();
/** @type {Feed | null} */
let source = null;
let asking = false;

/**
 * One stream is enough for all videos, however many there are.
 *
 * @param {string} id @param {(video: any) => void} onChange called until the video is ready or failed
 */
export function followUntilSettled(id, onChange) {
  followed.set(id, onChange);
  if (!source) listen();
  else askFor([id]);
}

function listen() {
  source = new Feed("own");
  source.addEventListener("video", (event) => hear(JSON.parse(event.data)));
  source.addEventListener("gone", (event) => forget(JSON.parse(event.data).id));
  // The stream says only what changes from now on.
  source.onopen = () => askFor([...followed.keys()]);
  // Without a stream they are asked for instead.
  source.addEventListener("refused", () => askFor([...followed.keys()]));
}

function hear(video) {
  followed.get(video.id)?.(video);
  if (isSettled(video)) forget(video.id);
}

function forget(id) {
  followed.delete(id);
  if (followed.size) return;
  source?.close();
  source = null;
}

/** Reads videos one after another. @param {string[]} ids */
async function askFor(ids) {
  if (ids.length > 1 && asking) return;
  if (ids.length > 1) asking = true;
  for (const id of ids) {
    if (!followed.has(id)) continue;
    try {
      hear(await readVideo(id));
    } catch {
      // The stream or the next round tells.
    }
  }
  if (ids.length > 1) asking = false;
}

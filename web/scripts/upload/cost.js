/**
 * Estimates the disk space that a file will need on the server, before it is sent: from what the browser can read of
 * it and from the server's ladder. The server estimates more precisely once it has probed the file.
 */
const READ_WITHIN_MS = 8000;
/** As in the server's own estimate: the bit rate grows with the number of pixels to this power. */
const SHRINKS_BY = 0.75;
/** Containers whose video is mostly H.264 and copied; that of others is mostly encoded. */
const OFTEN_COPIED = /\.(mp4|m4v|mov|mkv|ts|m2ts|mts|flv)$/i;

/** @typedef {{ size: number, name: string, seconds: number, width: number, height: number }} Facts */
/** @typedef {{ keep_original: boolean, audio_bps: number, free_space: number | null,
 *   ladder: { height: number, ceiling_bps: number, usual_bps: number }[] }} Costs */

/** @type {Promise<Costs | null> | undefined} */
let costs;

/** @returns {Promise<Costs | null>} what was read last */
export function readCosts() {
  return costs ?? readLimits();
}

/** @returns {Promise<Costs | null>} what is free now */
export function readLimits() {
  costs = fetch("/api/v1/upload-config", { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : null))
    .catch(() => null);
  return costs;
}

/** @param {File} file @returns {Promise<Facts | null>} null where this browser cannot read the file */
export function look(file) {
  const video = document.createElement("video");
  const url = URL.createObjectURL(file);
  video.preload = "metadata";
  video.muted = true;
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      const { duration: seconds, videoWidth: width, videoHeight: height } = video;
      const known = Number.isFinite(seconds) && seconds > 0 && width > 0;
      resolve(known ? { size: file.size, name: file.name, seconds, width, height } : null);
      video.removeAttribute("src");
      video.load();
      URL.revokeObjectURL(url);
    };
    const timer = setTimeout(end, READ_WITHIN_MS);
    video.addEventListener("loadedmetadata", end, { once: true });
    video.addEventListener("error", end, { once: true });
    video.src = url;
  });
}

/** @param {Facts} facts @param {Costs} costs @returns {number} bytes, including the original if it is kept */
export function guess(facts, { keep_original: keep, audio_bps: audio, ladder }) {
  const { size, name, seconds, width, height } = facts;
  const short = Math.min(width, height);
  const source = (size * 8) / seconds;
  const copied = OFTEN_COPIED.test(name);
  const rungs = ladder.filter((rung) => (copied ? rung.height < short : rung.height <= short));
  const rate = rungs.reduce((sum, rung) => {
    const shrunk = Math.min(1, rung.height / short) ** (2 * SHRINKS_BY);
    return sum + Math.min(rung.usual_bps, source * shrunk);
  }, audio);
  return (keep ? size : 0) + (copied ? size : 0) + (rate / 8) * seconds;
}

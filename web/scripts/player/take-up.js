/**
 * Takes up qualities that the server has made meanwhile, in an hls.js that plays on: no gap, and everything chosen stays.
 *
 * hls.js reads the playlist of playlists once. A second one, with no picture attached, reads it again, and what is new in
 * it is handed to the first as hls.js hands itself levels when it changes servers (its content steering): by the event
 * LEVELS_UPDATED. Knows hls.js' levels; knows nothing of the page.
 */
import { Hls } from "./element.js";

/** @typedef {{ levels: any[], audioTracks: any[], subtitleTracks: any[] }} Offer */

/** @param {string} src @returns {Promise<Offer | null>} what the server offers now; null when it cannot be read */
function look(src) {
  return new Promise((resolve) => {
    const reader = new Hls({ autoStartLoad: false, enableWorker: false });
    const end = (offer) => {
      resolve(offer);
      // Its event is still on its way round.
      setTimeout(() => reader.destroy());
    };
    reader.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => {
      end({ levels: [...levels], audioTracks: reader.allAudioTracks, subtitleTracks: reader.allSubtitleTracks });
    });
    reader.on(Hls.Events.ERROR, (_event, { fatal }) => fatal && end(null));
    reader.loadSource(src);
  });
}

/** @param {any[]} tracks @returns {string} */
const addresses = (tracks) => tracks.map((track) => track.url).sort().join(" ");

/** The order in which hls.js has levels: by size, then by rate. */
const upwards = (a, b) => a.height - b.height || a.frameRate - b.frameRate || a.averageBitrate - b.averageBitrate;

/** @param {Hls} hls @param {any[]} levels all there shall be */
function replaceLevels(hls, levels) {
  const current = hls.levels[hls.loadLevel];
  const chosen = hls.levels[hls.manualLevel];
  levels.forEach((level, index) => {
    for (const fragment of level.details?.fragments ?? []) {
      fragment.level = index;
      if (fragment.initSegment) fragment.initSegment.level = index;
    }
  });
  // Twice: some of its parts ask others for the levels, who hear of them later the first time.
  hls.trigger(Hls.Events.LEVELS_UPDATED, { levels });
  hls.trigger(Hls.Events.LEVELS_UPDATED, { levels });
  if (chosen) hls.loadLevel = levels.indexOf(chosen);
  else if (current) hls.nextLoadLevel = levels.indexOf(current);
}

/**
 * @param {import("./element.js").StreamtimeVideo} video which plays
 * @param {string} src its multivariant playlist
 * @returns {Promise<"nothing" | "taken" | "other">} "other": sound or captions are others now, which only loading
 *   again brings
 */
export async function takeUpLevels(video, src) {
  const hls = video.api;
  const offer = await look(src);
  if (!offer || !hls || video.api !== hls) return "nothing";
  const known = new Set(hls.levels.map((level) => level.uri));
  const fresh = offer.levels.filter((level) => !known.has(level.uri));
  const sameSound = addresses(offer.audioTracks) === addresses(hls.allAudioTracks);
  const sameCaptions = addresses(offer.subtitleTracks) === addresses(hls.allSubtitleTracks);
  if (!sameSound || !sameCaptions) return "other";
  if (!fresh.length) return "nothing";
  const chosen = hls.levels[hls.manualLevel];
  const levels = [...hls.levels, ...fresh].sort(upwards);
  replaceLevels(hls, levels);
  video.listQualities(levels, chosen);
  return "taken";
}

/**
 * Adds qualities that the server has created since to a playing hls.js: without a gap, and all choices stay.
 *
 * hls.js reads the multivariant playlist once. A second hls.js, without a media element, reads it again, and new levels
 * are passed to the first one as in its content steering: by the event LEVELS_UPDATED.
 */
import { Hls } from "./element.js";

/** @typedef {{ levels: any[], audioTracks: any[], subtitleTracks: any[] }} Offer */

/** @param {string} src @returns {Promise<Offer | null>} what the server offers now; null if it cannot be read */
function look(src) {
  return new Promise((resolve) => {
    const reader = new Hls({ autoStartLoad: false, enableWorker: false });
    const end = (offer) => {
      resolve(offer);
      // Its event is still being dispatched.
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

/** The order of levels in hls.js: by size, then by bit rate. */
const upwards = (a, b) => a.height - b.height || a.frameRate - b.frameRate || a.averageBitrate - b.averageBitrate;

/** @param {Hls} hls @param {any[]} levels all levels from now on */
function replaceLevels(hls, levels) {
  const current = hls.levels[hls.loadLevel];
  const chosen = hls.levels[hls.manualLevel];
  levels.forEach((level, index) => {
    for (const fragment of level.details?.fragments ?? []) {
      fragment.level = index;
      if (fragment.initSegment) fragment.initSegment.level = index;
    }
  });
  // Twice: some controllers of hls.js read the levels from others, which are updated after them the first time.
  hls.trigger(Hls.Events.LEVELS_UPDATED, { levels });
  hls.trigger(Hls.Events.LEVELS_UPDATED, { levels });
  if (chosen) hls.loadLevel = levels.indexOf(chosen);
  else if (current) hls.nextLoadLevel = levels.indexOf(current);
}

/**
 * @param {import("./element.js").StreamtimeVideo} video the playing element
 * @param {string} src its multivariant playlist
 * @returns {Promise<"nothing" | "taken" | "other">} "other": audio tracks or captions have changed, which needs
 *   a reload
 */
export async function takeUpLevels(video, src) {
  const hls = video.api;
  const offer = await look(src);
  if (!offer || !hls || video.api !== hls) return "nothing";
  const known = new Set(hls.levels.map((level) => level.uri));
  const fresh = offer.levels.filter((level) => !known.has(level.uri));
  const sameAudio = addresses(offer.audioTracks) === addresses(hls.allAudioTracks);
  const sameCaptions = addresses(offer.subtitleTracks) === addresses(hls.allSubtitleTracks);
  if (!sameAudio || !sameCaptions) return "other";
  if (!fresh.length) return "nothing";
  const chosen = hls.levels[hls.manualLevel];
  const levels = [...hls.levels, ...fresh].sort(upwards);
  replaceLevels(hls, levels);
  video.listQualities(levels, chosen);
  return "taken";
}

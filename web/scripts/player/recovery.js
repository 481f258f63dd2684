/**
 * Handles errors of hls.js: retries while that makes sense, then shows a message of the page.
 */
import { t } from "../page/texts.js";
import { Hls } from "./element.js";

const NETWORK_TRIES = 4;
const FIRST_WAIT_MS = 1000;
const MEDIA_TRIES = 2;
const OPEN_AGAIN_AFTER_MS = 10_000;
/** An unavailable store is retried for as long as the viewer keeps playing. */
const AWAY_WAIT_MS = 4000;
const AWAY = 503;

/**
 * @param {(sentence: string) => void} giveUp shows the failure
 * @param {() => void} openAgain loads the multivariant playlist again, at the current time
 * @param {(sentence: string) => void} hold shows why playback waits; empty when it continues
 * @returns {(hls: Hls) => void} called for each new hls.js
 */
export function recovery(giveUp, openAgain, hold) {
  let openedAgainAt = -OPEN_AGAIN_AFTER_MS;
  return function follow(hls) {
    let networkTries = 0;
    let mediaTries = 0;
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      networkTries = 0;
      hold("");
    });
    hls.on(Hls.Events.ERROR, (_event, error) => {
      if (isAway(error)) hold(t("The storage of this video does not respond. Trying again …"));
      if (!error.fatal) return;
      if (error.type === Hls.ErrorTypes.NETWORK_ERROR) onNetworkError(error);
      else if (error.type === Hls.ErrorTypes.MEDIA_ERROR) onMediaError();
      else giveUp(t("This browser could not decode the video."));
    });

    function onNetworkError(error) {
      const { response, details } = error;
      const status = response?.code ?? 0;
      if (status === 404 && !isManifest(details) && performance.now() - openedAgainAt > OPEN_AGAIN_AFTER_MS) {
        // Hiding a public video invalidates its public URLs; its owner can continue with the new ones.
        openedAgainAt = performance.now();
        return openAgain();
      }
      if ([401, 403, 404, 410].includes(status)) return giveUp(t("The video is no longer here, or no longer shared with you."));
      const away = isAway(error);
      if (networkTries >= NETWORK_TRIES && !away) return giveUp(t("The server does not respond. What was loaded is kept."));
      const waitMs = away ? AWAY_WAIT_MS : FIRST_WAIT_MS * 2 ** networkTries;
      if (!away) networkTries += 1;
      setTimeout(() => {
        // A new playlist has a new hls.js; this one is destroyed then.
        if (hls.media === null) return;
        if (isManifest(details)) hls.loadSource(hls.url);
        else hls.startLoad();
      }, waitMs);
      return undefined;
    }

    function onMediaError() {
      mediaTries += 1;
      if (mediaTries > MEDIA_TRIES) return giveUp(t("This browser could not decode the video."));
      if (mediaTries === MEDIA_TRIES) hls.swapAudioCodec();
      return hls.recoverMediaError();
    }
  };
}

/** @returns {boolean} whether the server is reachable and its store is not */
function isAway({ response, details }) {
  return response?.code === AWAY && details === Hls.ErrorDetails.FRAG_LOAD_ERROR;
}

function isManifest(details) {
  return details === Hls.ErrorDetails.MANIFEST_LOAD_ERROR || details === Hls.ErrorDetails.MANIFEST_LOAD_TIMEOUT;
}

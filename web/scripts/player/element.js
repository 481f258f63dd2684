/**
 * `<streamtime-video>`: hls-video-element, extended for videos that are still growing.
 *
 * During processing the playlist of a video is an EVENT playlist: it plays from the start, not from the live edge,
 * shows the final duration, and limits seeks to what exists.
 */
import { Hls, HlsVideoElement } from "hls-video-element";

/** Minimum seconds between a seek position and the end of what exists, so that there is something to show. */
const EDGE_MARGIN_S = 1;

/** Initial bandwidth estimate: enough for 720p, which a LAN usually has; the first segments correct it. */
const FIRST_ESTIMATE_BITS = 6_000_000;

export class StreamtimeVideo extends HlsVideoElement {
  /** Duration of the finished video in seconds, or 0 if unknown. */
  fullDuration = 0;
  /** Whether play was requested before there was anything to play. */
  wantsPlay = false;

  /** @returns {boolean} whether the playlist is still growing */
  get isGrowing() {
    return this.api?.latestLevelDetails?.live ?? false;
  }

  /** @returns {number} seconds */
  get duration() {
    const real = this.nativeEl?.duration ?? Number.NaN;
    return this.isGrowing && this.fullDuration > real ? this.fullDuration : real;
  }

  /** @returns {number} seconds that exist so far */
  get reach() {
    const { seekable } = this.nativeEl;
    return seekable.length ? seekable.end(seekable.length - 1) : 0;
  }

  get currentTime() {
    return this.nativeEl?.currentTime ?? 0;
  }

  set currentTime(seconds) {
    if (!this.nativeEl) return;
    const last = this.isGrowing ? Math.max(0, this.reach - EDGE_MARGIN_S) : Infinity;
    this.nativeEl.currentTime = Math.min(seconds, last);
  }

  play() {
    if (!this.api && !this.nativeEl.currentSrc) {
      this.wantsPlay = true;
      return Promise.resolve();
    }
    return this.nativeEl.play();
  }

  /**
   * Lists the qualities again, in the order of hls.js, which menu and switching use.
   *
   * @param {any[]} levels of hls.js
   * @param {any} [chosen] the one that the viewer chose
   */
  listQualities(levels, chosen) {
    const track = this.videoTracks.getTrackById("main");
    for (const rendition of [...this.videoRenditions]) track.removeRendition(rendition);
    levels.forEach((level, index) => {
      const rendition = track.addRendition(level.url[0], level.width, level.height, level.videoCodec, level.bitrate);
      rendition.id = String(index);
      if (level === chosen) rendition.selected = true;
    });
  }

  /**
   * Loads a playlist, from the start or a position; loading the same again updates it.
   *
   * @param {string} src
   * @param {number} [at] seconds
   */
  open(src, at = 0) {
    this.config = {
      // Segments are fragmented MP4 and need no conversion: a web worker would cost a download and gain nothing.
      enableWorker: false,
      startPosition: at,
      liveDurationInfinity: false,
      capLevelToPlayerSize: true,
      abrEwmaDefaultEstimate: FIRST_ESTIMATE_BITS,
      backBufferLength: 60,
    };
    // The element does not reload a playlist with the same URL by itself.
    if (this.src === src) return this.load();
    this.src = src;
    return undefined;
  }
}

export { Hls };

customElements.define("streamtime-video", StreamtimeVideo);

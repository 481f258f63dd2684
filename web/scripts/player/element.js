/**
 * `<streamtime-video>`: hls-video-element, taught about videos that are still growing.
 *
 * While a video is being prepared its playlist is an EVENT playlist: it plays from the start, not from the "live" edge,
 * shows the length it will have, and keeps seeks inside what exists. Knows hls.js; knows nothing of the page.
 */
import { Hls, HlsVideoElement } from "hls-video-element";

/** Seconds kept between a seek and the end of what exists, so that there is something to show. */
const EDGE_MARGIN_S = 1;

/** LAN: begin with a good picture, at about what 720p needs; the first segments correct it. */
const FIRST_ESTIMATE_BITS = 6_000_000;

export class StreamtimeVideo extends HlsVideoElement {
  /** Length in seconds that the finished video will have, or 0 when unknown. */
  fullDuration = 0;
  /** Whether a play was asked for before there was anything to play. */
  wantsPlay = false;

  /** @returns {boolean} whether the playlist still grows */
  get isGrowing() {
    return this.api?.latestLevelDetails?.live ?? false;
  }

  /** @returns {number} seconds */
  get duration() {
    const real = this.nativeEl?.duration ?? Number.NaN;
    return this.isGrowing && this.fullDuration > real ? this.fullDuration : real;
  }

  /** @returns {number} seconds that exist by now */
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
   * Lists the qualities again, in hls.js' order, by which menu and switching go.
   *
   * @param {any[]} levels of hls.js
   * @param {any} [chosen] the one of them that was chosen by hand
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
   * Loads a playlist, from the start or a position; loading the same again takes up what is new in it.
   *
   * @param {string} src
   * @param {number} [at] seconds
   */
  open(src, at = 0) {
    this.config = {
      // Segments are fragmented MP4 and pass through as they are: a worker would cost a download and gain nothing.
      enableWorker: false,
      startPosition: at,
      liveDurationInfinity: false,
      capLevelToPlayerSize: true,
      abrEwmaDefaultEstimate: FIRST_ESTIMATE_BITS,
      backBufferLength: 60,
    };
    // A playlist of the same name is not a new one to the element: it has to be told to load.
    if (this.src === src) return this.load();
    this.src = src;
    return undefined;
  }
}

export { Hls };

customElements.define("streamtime-video", StreamtimeVideo);

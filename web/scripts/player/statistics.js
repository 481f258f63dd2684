/** Playback statistics over the video, for those who wonder why it waits or looks as it does; read each second. */
import { formatBitrate, formatClock } from "../page/format.js";
import { t } from "../page/texts.js";
import { Hls } from "./element.js";
import { frameRate } from "./frames.js";

const EVERY_MS = 1000;
const UNKNOWN = "–";

/** @param {HTMLVideoElement} media @returns {number} seconds that are loaded beyond the current time */
function bufferAhead({ buffered, currentTime }) {
  for (let range = 0; range < buffered.length; range += 1) {
    if (buffered.start(range) <= currentTime && currentTime <= buffered.end(range)) return buffered.end(range) - currentTime;
  }
  return 0;
}

/** @param {HTMLVideoElement} media @returns {string} width and height of the frames and of the place where they are shown */
function sizes(media) {
  if (!media.videoWidth) return UNKNOWN;
  const scale = Math.min(media.clientWidth / media.videoWidth, media.clientHeight / media.videoHeight) * devicePixelRatio;
  const [width, height] = [media.videoWidth, media.videoHeight].map((side) => Math.round(side * scale));
  return t("{frames}, shown as {shown}", { frames: `${media.videoWidth} × ${media.videoHeight}`, shown: `${width} × ${height}` });
}

/** @param {import("./player.js").Player} player @param {string} host of the last segment */
function measure({ root, video }, host) {
  const media = video.nativeEl;
  const { levels = [], currentLevel = -1, bandwidthEstimate } = video.api ?? {};
  const level = levels[currentLevel];
  const { droppedVideoFrames, totalVideoFrames } = media.getVideoPlaybackQuality();
  const height = root.dataset.level ? `${root.dataset.level}p` : UNKNOWN;
  return {
    quality: root.dataset.quality === "auto" ? t("{height}, chosen automatically", { height }) : height,
    resolution: sizes(media),
    rate: level ? t("{rate} frames per second", { rate: Number(frameRate(video).toFixed(3)) }) : UNKNOWN,
    codecs: [level?.videoCodec, level?.audioCodec].filter(Boolean).join(", ") || UNKNOWN,
    bitrate: formatBitrate(level?.averageBitrate || level?.bitrate),
    bandwidth: formatBitrate(bandwidthEstimate),
    buffer: `${bufferAhead(media).toFixed(1)} s`,
    dropped: t("{dropped} of {total}", { dropped: droppedVideoFrames, total: totalVideoFrames }),
    time: `${formatClock(media.currentTime)} / ${formatClock(video.duration)}`,
    host: host || location.host,
  };
}

/** @param {import("./player.js").Player} player */
export function connectStatistics(player) {
  const panel = player.root.querySelector("[data-player-statistics]");
  const places = [...panel.querySelectorAll("[data-statistic]")];
  let timer = 0;
  let host = "";
  const show = () => {
    const values = measure(player, host);
    for (const place of places) {
      const text = values[place.dataset.statistic];
      if (place.textContent !== text) place.textContent = text;
    }
  };
  const toggle = () => {
    panel.hidden = !panel.hidden;
    clearInterval(timer);
    if (panel.hidden) return;
    show();
    timer = setInterval(show, EVERY_MS);
  };
  const close = () => {
    toggle();
    player.root.querySelector("media-controller").focus();
  };
  panel.querySelector("[data-statistics-close]").addEventListener("click", close);
  panel.addEventListener("keydown", (event) => event.key === "Escape" && close());
  return {
    toggle,
    isOpen: () => !panel.hidden,
    /** Called for each new hls.js: a store may serve the segments from another host. */
    follow: (hls) => {
      hls.on(Hls.Events.FRAG_LOADED, (_event, { networkDetails }) => {
        if (networkDetails?.responseURL) ({ host } = new URL(networkDetails.responseURL));
      });
    },
  };
}

/** Keyboard shortcuts of the player, wherever the focus is, except in elements that take key input. */
import { isTyping } from "../page/forms.js";
import { isOpenMenu } from "../page/menus.js";

const RATES = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const VOLUME_STEP = 0.05;

/** @param {KeyboardEvent} event @returns {boolean} whether the focused element handles this key itself */
function isTaken(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return true;
  const path = event.composedPath();
  const [target] = path;
  if (isTyping(target) && target.type !== "range") return true;
  const arrow = event.key.startsWith("Arrow");
  if ((arrow || event.key === " ") && path.some((node) => isOpenMenu(node))) return true;
  if (arrow) return target.type === "range" || path.some((node) => node.localName?.endsWith("-range"));
  const onButton = path.some((node) => node.localName === "a" || node.localName?.endsWith("button") || node.localName === "summary");
  return event.key === " " && (onButton || target.type === "checkbox");
}

/** @param {import("./player.js").Player} player */
function keysOf(player) {
  const { root, video } = player;
  const togglePlay = () => (video.paused ? video.play().catch(() => {}) : video.pause());
  const louder = (step) => {
    video.volume = Math.min(1, Math.max(0, video.volume + step));
    video.muted = false;
    player.flash(`${Math.round(video.volume * 100)} %`);
  };
  const faster = (step) => {
    const nearest = RATES.findIndex((rate) => rate >= video.playbackRate);
    video.playbackRate = RATES[Math.min(RATES.length - 1, Math.max(0, nearest + step))];
    player.flash(`${video.playbackRate}×`);
  };
  const tenth = (key) => player.seek((Number(key) / 10) * video.duration);
  return {
    " ": togglePlay,
    k: togglePlay,
    j: () => player.skip(-10),
    l: () => player.skip(10),
    ArrowLeft: () => player.skip(-5),
    ArrowRight: () => player.skip(5),
    ArrowUp: () => louder(VOLUME_STEP),
    ArrowDown: () => louder(-VOLUME_STEP),
    m: () => {
      video.muted = !video.muted;
    },
    c: () => {
      const button = root.querySelector("media-captions-button");
      if (button.hasAttribute("mediasubtitleslist")) button.click();
    },
    f: () => root.querySelector("media-fullscreen-button").click(),
    i: () => root.querySelector("media-pip-button").click(),
    t: () => player.toggleTheatre(),
    r: player.loop.toggle,
    a: player.loop.setStart,
    b: player.loop.setEnd,
    x: player.loop.clear,
    ",": () => player.stepFrames(-1),
    ".": () => player.stepFrames(1),
    s: player.statistics.toggle,
    w: () => player.transcript?.toggle(),
    u: () => player.copyMoment(),
    "<": () => faster(-1),
    ">": () => faster(1),
    "?": () => document.getElementById("keyboard-help").showModal(),
    ...Object.fromEntries([..."0123456789"].map((digit) => [digit, () => tenth(digit)])),
  };
}

/** @param {import("./player.js").Player} player */
export function connectKeyboard(player) {
  const keys = keysOf(player);
  document.addEventListener("keydown", (event) => {
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || isTaken(event)) return;
    event.preventDefault();
    act();
  });
  document.querySelector("[data-help-keys]")?.addEventListener("click", () => requestAnimationFrame(keys["?"]));
}

/**
 * Double click for full screen. With a finger on the picture: double tap on the left or right third for ten seconds back
 * or forward, each further tap adds ten; hold for double speed; swipe up for full screen, down to leave it.
 *
 * Only fingers on the picture count: screen readers and switches press the buttons. Where a swipe up is ours is decided
 * by `touch-action` in player.css; elsewhere the browser scrolls and cancels the pointer.
 */
const SKIP_S = 10;
const DOUBLE_MS = 300;
const MORE_TAPS_MS = 700;
const NEAR_PX = 48;
const HOLD_MS = 500;
const HELD_RATE = 2;
const SWIPE_PX = 60;

/** @param {Event} event @returns {boolean} whether the target is the video, not a control over it */
const isOnPicture = (event) => ["video", "media-controller"].includes(event.composedPath()[0].localName);

/** Double taps, and further ones on the same side, add up. @param {import("./player.js").Player} player */
function skipper(player, box) {
  let last = { at: -Infinity, x: 0, y: 0 };
  let run = { at: -Infinity, side: 0, taps: 0 };
  return (event) => {
    const { timeStamp: at, clientX: x, clientY: y } = event;
    const { left, width } = box.getBoundingClientRect();
    const share = (x - left) / width;
    const side = share < 1 / 3 ? -1 : Number(share > 2 / 3);
    const goesOn = side !== 0 && side === run.side && at - run.at < MORE_TAPS_MS;
    const isDouble = at - last.at < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < NEAR_PX;
    last = isDouble || goesOn ? { at: -Infinity, x, y } : { at, x, y };
    if (side === 0 || !(isDouble || goesOn)) return;
    run = { at, side, taps: goesOn ? run.taps + 1 : 1 };
    player.skip(side * SKIP_S);
    player.flash(`${side < 0 ? "−" : "+"}${run.taps * SKIP_S} s`);
  };
}

/** Double speed while a finger rests on the picture. @param {import("./player.js").Player} player */
function holder(player) {
  const { video } = player;
  let timer;
  let rate = 0;
  return {
    begin() {
      timer = setTimeout(() => {
        if (video.paused) return;
        rate = video.playbackRate;
        video.playbackRate = HELD_RATE;
        player.flash(`${HELD_RATE}×`);
      }, HOLD_MS);
    },
    /** @returns {boolean} whether the finger has held the speed */
    end() {
      clearTimeout(timer);
      if (!rate) return false;
      video.playbackRate = rate;
      rate = 0;
      return true;
    },
    isHeld: () => rate > 0,
  };
}

/** @param {import("./player.js").Player} player */
export function connectGestures(player) {
  const box = player.root.querySelector("media-controller");
  const toggleFullscreen = () => player.root.querySelector("media-fullscreen-button").click();
  const skip = skipper(player, box);
  const hold = holder(player);
  const fingers = new Set();
  let byFinger = false;
  /** @type {{ id: number, x: number, y: number } | undefined} where the only finger began */
  let start;

  box.addEventListener("pointerdown", (event) => {
    byFinger = event.pointerType === "touch";
    if (!byFinger || !isOnPicture(event)) return;
    fingers.add(event.pointerId);
    start = fingers.size === 1 ? { id: event.pointerId, x: event.clientX, y: event.clientY } : undefined;
    hold.end();
    if (start) hold.begin();
  });

  box.addEventListener("pointermove", (event) => {
    if (start?.id !== event.pointerId || hold.isHeld()) return;
    if (Math.hypot(event.clientX - start.x, event.clientY - start.y) > NEAR_PX / 2) hold.end();
  });

  const leave = (event) => {
    fingers.delete(event.pointerId);
    if (start?.id === event.pointerId) start = undefined;
    return hold.end();
  };
  box.addEventListener("pointercancel", leave);
  box.addEventListener("pointerup", (event) => {
    if (event.pointerType !== "touch") return;
    const began = start?.id === event.pointerId ? start : undefined;
    if (leave(event) || !began) return;
    const [x, y] = [event.clientX - began.x, event.clientY - began.y];
    const isFull = document.fullscreenElement === player.root;
    if (Math.abs(y) > SWIPE_PX && Math.abs(y) > 2 * Math.abs(x)) {
      if (isFull === y > 0) toggleFullscreen();
    } else if (Math.hypot(x, y) < NEAR_PX / 2) skip(event);
  });

  // A long press would open the browser's menu of the video.
  box.addEventListener("contextmenu", (event) => {
    if (byFinger && isOnPicture(event)) event.preventDefault();
  });

  box.addEventListener("dblclick", (event) => {
    if (byFinger || !isOnPicture(event)) return;
    toggleFullscreen();
  });
}

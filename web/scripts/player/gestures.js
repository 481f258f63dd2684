/** Double click for full screen; with a finger, double tap on the left or right third for ten seconds back or forward. */
const SKIP_S = 10;
const DOUBLE_MS = 300;
const NEAR_PX = 48;

/** @param {Event} event @returns {boolean} whether the target is the video, not a control over it */
const isOnPicture = (event) => ["video", "media-controller"].includes(event.composedPath()[0].localName);

/** @param {import("./player.js").Player} player */
export function connectGestures(player) {
  const box = player.root.querySelector("media-controller");
  let last = { at: -Infinity, x: 0, y: 0 };
  let byFinger = false;

  box.addEventListener("pointerup", (event) => {
    byFinger = event.pointerType === "touch";
    if (!byFinger || !isOnPicture(event)) return;
    const { timeStamp: at, clientX: x, clientY: y } = event;
    const isDouble = at - last.at < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < NEAR_PX;
    last = isDouble ? { at: -Infinity, x, y } : { at, x, y };
    if (!isDouble) return;
    const { left, width } = box.getBoundingClientRect();
    const share = (x - left) / width;
    if (share < 1 / 3) player.skip(-SKIP_S);
    else if (share > 2 / 3) player.skip(SKIP_S);
  });

  box.addEventListener("dblclick", (event) => {
    if (byFinger || !isOnPicture(event)) return;
    player.root.querySelector("media-fullscreen-button").click();
  });
}

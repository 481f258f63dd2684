/** Shows the current frame over the player while the playlist is loaded again, so that the screen does not go black. */

/** @param {HTMLElement} player @param {import("./element.js").StreamtimeVideo} video */
export function holdPicture(player, video) {
  const { videoWidth, videoHeight } = video.nativeEl;
  if (!videoWidth || video.readyState < 2) return;
  const canvas = document.createElement("canvas");
  canvas.className = "player-still";
  canvas.width = videoWidth;
  canvas.height = videoHeight;
  canvas.getContext("2d").drawImage(video.nativeEl, 0, 0);
  // Below the controls: the first element after the video.
  video.after(canvas);
  canvas.slot = "poster";
  const letGo = () => canvas.remove();
  video.addEventListener("loadeddata", letGo, { once: true });
  setTimeout(letGo, 5000);
}

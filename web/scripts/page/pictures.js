/**
 * Hides pictures that did not come, as when their store is away: the still's own ground is seen, not a torn sheet.
 *
 * Knows pictures in stills, wherever they are, now or later.
 */

/** @param {EventTarget | null} picture */
function hide(picture) {
  if (picture instanceof HTMLImageElement) picture.closest(".still")?.setAttribute("data-pictureless", "");
}

export function connectPictures() {
  document.addEventListener("error", (event) => hide(event.target), { capture: true });
  for (const picture of document.querySelectorAll(".still img")) {
    if (picture.complete && picture.naturalWidth === 0) hide(picture);
  }
}

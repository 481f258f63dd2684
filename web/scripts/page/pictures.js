/**
 * Hides images that failed to load, for example while their store is unavailable: the background of the still is
 * shown instead of a broken image.
 *
 * Applies to images in `.still`, also those added later.
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

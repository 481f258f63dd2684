/**
 * Marks the picture of the card that leads to the other page of a navigation, so that it becomes the player and, on the
 * way back, the card again (styles/transitions.css). Runs before the first paint: `pagereveal` comes with it.
 */

/** @param {string | undefined} url of a watch page  @returns {Element | undefined} the picture of its card */
function pictureOf(url) {
  const path = url && new URL(url).pathname;
  if (!path?.startsWith("/watch/")) return undefined;
  const links = document.querySelectorAll(`a[href^="${CSS.escape(path)}"]`);
  for (const link of links) {
    const still = link.closest(".card")?.querySelector(".still");
    if (still && link.pathname === path && isSeen(still)) return still;
  }
  return undefined;
}

/** @param {Element} still  @returns {boolean} whether it is in the window */
function isSeen(still) {
  const box = still.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight && box.width > 0;
}

/** @param {Element | undefined} still  @param {ViewTransition} transition  */
function mark(still, transition) {
  if (!still || document.querySelector(".watch-stage")) return;
  still.dataset.morph = "";
  transition.finished.finally(() => delete still.dataset.morph);
}

export function connectTransitions() {
  window.addEventListener("pageswap", ({ viewTransition, activation }) => {
    if (viewTransition) mark(pictureOf(activation?.entry?.url), viewTransition);
  });
  window.addEventListener("pagereveal", ({ viewTransition }) => {
    if (viewTransition) mark(pictureOf(window.navigation?.activation?.from?.url), viewTransition);
  });
}

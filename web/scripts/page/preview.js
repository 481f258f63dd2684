/**
 * Plays the short silent preview of a card while the pointer or the keyboard focus is on the card.
 *
 * Nothing is fetched before that. The image of a card has `data-preview`. Not used on touch screens, nor with
 * prefers-reduced-motion.
 */
const REST_MS = 350;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

/** @type {Element | null} */
let rested = null;
let timer = 0;

/** @param {Element} still */
function begin(still) {
  const film = document.createElement("video");
  film.className = "still-preview";
  film.muted = true;
  film.loop = true;
  film.playsInline = true;
  film.disablePictureInPicture = true;
  film.setAttribute("aria-hidden", "true");
  film.addEventListener("playing", () => still.setAttribute("data-playing", ""), { once: true });
  film.src = still.dataset.preview;
  still.querySelector(".still-picture, .still-blank").after(film);
  film.play().catch(() => end(still));
}

/** @param {Element} still */
function end(still) {
  still.removeAttribute("data-playing");
  for (const film of still.querySelectorAll(".still-preview")) {
    // Without a source it stops loading at once.
    film.removeAttribute("src");
    film.load();
    film.remove();
  }
}

/** @param {Element | null} card */
function restOn(card) {
  if (card === rested) return;
  clearTimeout(timer);
  const before = rested?.querySelector("[data-preview]");
  if (before) end(before);
  rested = card;
  const still = card?.querySelector("[data-preview]");
  if (still && !calm.matches) timer = setTimeout(() => begin(still), REST_MS);
}

export function connectPreviews() {
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse") restOn(event.target.closest?.(".card") ?? null);
  });
  document.documentElement.addEventListener("pointerleave", () => restOn(null));
  document.addEventListener("focusin", (event) => {
    if (event.target.matches?.(".card-link:focus-visible")) restOn(event.target.closest(".card"));
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.matches?.(".card-link") && !rested?.matches(":hover")) restOn(null);
  });
}

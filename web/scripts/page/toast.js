/** A short notice at the bottom of the page, announced by screen readers, removed after some seconds. */
const SHOWN_MS = 5000;

/** @param {string} text */
export function toast(text) {
  const place = document.getElementById("toasts");
  if (!place || !text) return;
  if (place.lastElementChild?.textContent === text) return;
  const notice = document.createElement("p");
  notice.className = "toast";
  notice.textContent = text;
  place.append(notice);
  setTimeout(() => notice.remove(), SHOWN_MS);
}

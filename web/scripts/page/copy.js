/**
 * Buttons marked `data-copy` copy the field of that id; fields marked `data-select` select themselves. Pages
 * over plain HTTP have no Clipboard API: there the selection is copied with execCommand.
 */
import { toast } from "./toast.js";

/** @param {HTMLInputElement} field @returns {Promise<boolean>} */
async function copy(field) {
  field.select();
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      // Not allowed in this frame: execCommand may be.
    }
  }
  return document.execCommand("copy");
}

/** @param {string} text @returns {Promise<boolean>} whether it is in the clipboard */
export async function copyText(text) {
  const focused = document.activeElement;
  const field = Object.assign(document.createElement("input"), { className: "sr", readOnly: true, value: text });
  // In full screen the rest of the page cannot have the focus.
  (document.fullscreenElement ?? document.body).append(field);
  const done = await copy(field);
  field.remove();
  focused?.focus?.({ preventScroll: true });
  return done;
}

/** @param {MouseEvent} event */
async function onClick({ target }) {
  if (!(target instanceof Element)) return;
  const button = target.closest("[data-copy]");
  if (button) {
    const done = await copy(document.getElementById(button.dataset.copy));
    const words = button.querySelector("span");
    if (!done) return;
    words.textContent = button.dataset.copied;
    // Screen readers do not read what is behind a dialog: the button itself says it there.
    if (!button.closest("dialog")) toast(button.dataset.copied);
    return;
  }
  const field = target.closest("input[data-select]");
  if (field) field.select();
}

export function connectCopying() {
  document.addEventListener("click", onClick);
}

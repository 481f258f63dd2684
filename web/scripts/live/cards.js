/**
 * Two swap styles of htmx for cards from the event stream: `card` changes a card in place, or removes it when nothing
 * was sent; `card-first` inserts a new one at the start.
 */
import htmx from "htmx.org";
import { morph } from "./morph.js";

/** @param {Element} target @param {Element | null} card @returns {Element[]} the elements that htmx must process */
function swapCard(target, card) {
  if (!card) {
    htmx.remove(target);
    return [];
  }
  morph(target, card);
  return [];
}

/** @param {Element} grid @param {Element | null} card @returns {Element[]} */
function swapFirst(grid, card) {
  if (!card) return [];
  const known = document.getElementById(card.id);
  if (known) return swapCard(known, card);
  grid.prepend(card);
  return [card];
}

htmx.defineExtension("cards", {
  isInlineSwap: (style) => style === "card",
  handleSwap(style, target, fragment) {
    const card = fragment.firstElementChild;
    if (style === "card") return swapCard(target, card);
    if (style === "card-first") return swapFirst(target, card);
    return false;
  },
});

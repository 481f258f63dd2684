/**
 * Updates the library after its event stream was disconnected: fetches the first batch of cards again and changes
 * what differs. The grid has `data-live-cards`.
 */
import htmx from "htmx.org";
import { morph } from "./morph.js";

/** @param {Element} grid @param {Element[]} fresh the first batch of cards from the server */
function catchUp(grid, fresh, isWhole) {
  const known = [...grid.querySelectorAll(":scope > .card")];
  const ids = new Set(fresh.map((card) => card.id));
  const reach = isWhole ? known.length : known.findLastIndex((card) => ids.has(card.id));
  for (const card of known.slice(0, Math.max(reach, 0))) if (!ids.has(card.id)) htmx.remove(card);
  let before = grid.firstElementChild;
  for (const card of fresh) {
    const old = document.getElementById(card.id);
    if (old) {
      morph(old, card);
      before = old.nextElementSibling;
    } else {
      grid.insertBefore(card, before);
      htmx.process(card);
    }
  }
}

/** @param {Element} grid */
export async function refresh(grid) {
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.redirected) return;
  const part = document.createElement("template");
  part.innerHTML = await answer.text();
  const { content } = part;
  const cards = [...content.querySelectorAll(".card")];
  catchUp(grid, cards, !content.querySelector(".more"));
}

document.addEventListener("htmx:sseOpen", (event) => {
  const { source } = event.detail;
  const grid = event.target.querySelector?.("[data-live-cards]");
  if (!grid || source.knowsLibrary) return;
  source.knowsLibrary = true;
  for (const missed of ["reopened", "refused"]) source.addEventListener(missed, () => refresh(grid).catch(() => {}));
});

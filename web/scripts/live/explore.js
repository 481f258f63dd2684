/** Explore while it is open: titles change, videos that are no longer shared leave, and new ones are announced. */
import htmx from "htmx.org";
import { nt } from "../page/texts.js";
import { Feed } from "./feed.js";

const cardsOf = (id) => document.querySelectorAll(`.card[data-video="${CSS.escape(id)}"]`);

/** New videos are not inserted: what one looks at would move. @param {Element} head @param {number} count */
function announce(head, count) {
  const text = nt("{count} new video", "{count} new videos", count);
  const known = head.querySelector(".new-videos");
  if (known) known.textContent = text;
  else head.append(Object.assign(document.createElement("a"), { className: "pill new-videos", href: location.href, textContent: text }));
}

export function connectExplore() {
  const head = document.querySelector("[data-live-explore]");
  if (!head) return;
  const feed = new Feed("explore");
  const fresh = new Set();
  feed.addEventListener("listed", (event) => {
    const { id, title, age_s: age } = JSON.parse(event.data);
    const cards = cardsOf(id);
    for (const card of cards) {
      const link = card.querySelector(".card-link");
      if (link && link.textContent !== title) link.textContent = title;
    }
    if (cards.length || age === null || age * 1000 > performance.now()) return;
    fresh.add(id);
    announce(head, fresh.size);
  });
  feed.addEventListener("gone", (event) => {
    const { id } = JSON.parse(event.data);
    for (const card of cardsOf(id)) htmx.remove(card);
    if (fresh.delete(id)) {
      if (fresh.size) announce(head, fresh.size);
      else head.querySelector(".new-videos")?.remove();
    }
  });
}

/** Reads the page again and changes those of its parts that are marked `data-live-part`, after the server said so. */
import { t } from "../page/texts.js";
import { morph } from "./morph.js";

const GATHER_MS = 150;
let timer = 0;

const partsOf = (root) => [...root.querySelectorAll("[data-live-part]")];

/** @param {Element} part @returns {boolean} whether someone is working in it, so that it has to stay as it is */
const isInUse = (part) => part.matches("[open]") || part.querySelector("[data-dragged], details[open]") !== null;

async function read() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.status === 404) sayGone(t("This was deleted, or is not shared with you any more."));
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of partsOf(document)) {
    const now = fresh.querySelector(`[data-live-part="${part.dataset.livePart}"]`);
    if (!now || isInUse(part)) continue;
    morph(part, document.adoptNode(now));
    window.htmx?.process(part); // bundled once, in the script of every page
  }
  document.title = fresh.title;
}

/** Changes together are read once. */
export function refreshParts() {
  clearTimeout(timer);
  timer = setTimeout(() => read().catch(() => {}), GATHER_MS);
}

/** @param {string} text at the top of the page, in place of what it was about */
export function sayGone(text) {
  if (document.querySelector(".gone-note")) return;
  const note = Object.assign(document.createElement("p"), { className: "notice gone-note", textContent: text, role: "alert" });
  note.append(" ", Object.assign(document.createElement("a"), { className: "link", href: "/explore", textContent: t("Explore") }));
  document.getElementById("main")?.prepend(note);
}

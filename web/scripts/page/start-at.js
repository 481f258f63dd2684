/**
 * The share page's form "Start at": its addresses and QR code are fetched again with the time, which is the player's
 * where there is one.
 */
import { formatClock } from "./format.js";

/** @param {HTMLFormElement} form */
async function refresh(form) {
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) url.searchParams.set(name, String(value));
  if (!form.elements.starts.checked) url.searchParams.delete("t");
  const asked = url.href;
  form.dataset.asked = asked;
  try {
    const answer = await fetch(asked, { headers: { Accept: "text/html" } });
    if (!answer.ok || form.dataset.asked !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-addresses]");
    if (fresh) form.closest("dialog, main").querySelector("[data-addresses]")?.replaceWith(document.adoptNode(fresh));
  } catch {
    // The addresses stay as they are.
  }
}

export function connectStartAt() {
  document.addEventListener("change", ({ target }) => {
    const form = target.form;
    if (!form?.matches("[data-start-at]")) return;
    const { starts, t } = form.elements;
    const now = document.querySelector("streamtime-video")?.currentTime;
    if (target === starts && starts.checked && now) t.value = formatClock(now);
    if (target === t) starts.checked = true;
    refresh(form);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-start-at]")) return;
    event.preventDefault();
    event.target.elements.starts.checked = true;
    refresh(event.target);
  });
}

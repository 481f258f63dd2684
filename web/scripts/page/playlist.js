/**
 * Ordering a playlist: rows are dragged by their handle, or moved and removed by their buttons without a reload.
 * Without script the buttons submit the form.
 */
import { csrfToken } from "./csrf.js";
import { toast } from "./toast.js";
import { t } from "./texts.js";

/** @param {HTMLElement} list @returns {HTMLElement[]} */
const rowsOf = (list) => [...list.querySelectorAll("[data-item]")];

/** Positions on the page begin at that of its first row: earlier ones may be on another page. */
function number(list) {
  for (const [index, row] of rowsOf(list).entries()) {
    row.querySelector(".playlist-number").textContent = String(Number(list.dataset.first) + index);
  }
}

/** @param {string} text */
function say(text) {
  document.querySelector("[data-playlist-status]").textContent = text;
}

/** @param {HTMLElement} list @param {HTMLElement} row @param {RequestInit} request @returns {Promise<boolean>} */
async function send(list, row, request) {
  const url = `/api/v1/playlists/${list.dataset.playlist}/items/${row.dataset.item}`;
  const headers = { "X-CSRF-Token": csrfToken(), "Content-Type": "application/json" };
  try {
    const answer = await fetch(url, { ...request, headers });
    if (answer.ok) return true;
    toast((await answer.json()).detail);
  } catch {
    toast(t("The server cannot be reached. Trying again."));
  }
  return false;
}

/**
 * Stores the row's new place, which it has on the page already; puts it back if that fails.
 *
 * @param {HTMLElement} list @param {HTMLElement} row @param {Element | null} before where it was
 */
async function keep(list, row, before) {
  const position = Number(list.dataset.first) - 1 + rowsOf(list).indexOf(row);
  number(list);
  if (await send(list, row, { method: "PATCH", body: JSON.stringify({ position }) })) {
    say(t("Moved to place {place} of {count}", { place: position + 1, count: list.dataset.count }));
    return;
  }
  list.insertBefore(row, before);
  number(list);
}

/** @param {HTMLElement} list @param {HTMLButtonElement} button */
async function step(list, button) {
  const row = button.closest("[data-item]");
  const rows = rowsOf(list);
  const other = rows[rows.indexOf(row) + Number(button.dataset.step)];
  if (!other) return;
  const before = row.nextElementSibling;
  if (button.dataset.step === "1") other.after(row);
  else other.before(row);
  button.focus();
  row.scrollIntoView({ block: "nearest" });
  await keep(list, row, before);
}

/** @param {HTMLElement} list @param {HTMLButtonElement} button */
async function remove(list, button) {
  const row = button.closest("[data-item]");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  if (!(await send(list, row, { method: "DELETE" }))) return;
  row.remove();
  list.dataset.count = String(Number(list.dataset.count) - 1);
  say(t("Removed from the playlist"));
  if (!rowsOf(list).length) location.reload();
  number(list);
  next?.querySelector("[data-remove]")?.focus();
}

/** @param {HTMLElement} list @param {number} y @returns {Element | undefined} the row below the pointer's place */
function rowBelow(list, y) {
  return rowsOf(list).find((row) => {
    const { top, height } = row.getBoundingClientRect();
    return row.dataset.dragged === undefined && y < top + height / 2;
  });
}

/** @param {HTMLElement} list @param {PointerEvent} event on a handle: the row follows the pointer, also a finger */
function drag(list, event) {
  const row = event.target.closest("[data-item]");
  const before = row.nextElementSibling;
  event.preventDefault();
  row.dataset.dragged = "";
  const move = ({ clientY }) => {
    const below = rowBelow(list, clientY) ?? list.querySelector(".playlist-more");
    if (below !== row.nextElementSibling) list.insertBefore(row, below ?? null);
  };
  const end = (last) => {
    delete row.dataset.dragged;
    for (const [name, listener] of listeners) document.removeEventListener(name, listener);
    if (last.type === "pointercancel") list.insertBefore(row, before);
    else if (row.nextElementSibling !== before) keep(list, row, before);
  };
  // A row that moves on the page loses a captured pointer, so the document listens.
  const listeners = [["pointermove", move], ["pointerup", end], ["pointercancel", end]];
  for (const [name, listener] of listeners) document.addEventListener(name, listener);
}

export function connectPlaylist() {
  const list = document.querySelector("[data-playlist]");
  if (!list) return;
  list.dataset.first = rowsOf(list)[0].querySelector(".playlist-number").textContent;
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step], [data-remove]");
    if (!button) return;
    event.preventDefault();
    if (button.dataset.step) step(list, button);
    else remove(list, button);
  });
  list.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.target.closest("[data-drag]")) drag(list, event);
  });
}

/**
 * The list of chapters on the edit page: a row for each, instead of lines of text. The form sends the text, which the
 * rows are written into.
 */
import { formatClock } from "./format.js";

const line = /^((?:\d+:)?\d+:\d{2}(?:[.,]\d{1,3})?)\s+(.*)$/;

/** @param {HTMLFormElement} form @returns {HTMLElement} */
const listOf = (form) => form.querySelector("[data-chapters-list]");

/** @param {HTMLFormElement} form */
function write(form) {
  const rows = [...listOf(form).querySelectorAll(".chapter-row")];
  const lines = rows.map((row) => {
    const [time, title] = row.querySelectorAll("input");
    return `${time.value.trim()} ${title.value.trim()}`.trim();
  });
  form.elements.chapters.value = lines.filter(Boolean).join("\n");
}

/** @param {HTMLFormElement} form @param {string} label @param {string} value @param {string} name */
function input(form, label, value, name) {
  const field = document.createElement("input");
  field.setAttribute("aria-label", label);
  field.autocomplete = "off";
  field.className = name;
  field.value = value;
  field.addEventListener("input", () => write(form));
  return field;
}

/** @param {HTMLFormElement} form @param {string} time @param {string} title @returns {HTMLElement} */
function addRow(form, time, title) {
  const { labelTime, labelTitle, labelRemove } = form.dataset;
  const row = document.createElement("div");
  row.className = "chapter-row";
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "icon-button";
  remove.textContent = "×";
  remove.setAttribute("aria-label", labelRemove.replace("{title}", title || time));
  remove.addEventListener("click", () => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    write(form);
    say(form, form.dataset.removed);
    (next?.querySelector("input") ?? form.querySelector("[data-chapter-add]")).focus();
  });
  row.append(input(form, labelTime, time, "chapter-time"), input(form, labelTitle, title, "chapter-name"), remove);
  listOf(form).append(row);
  return row;
}

/** @param {HTMLFormElement} form @param {string} text */
function say(form, text) {
  form.querySelector("[data-chapters-status]").textContent = text;
}

/** The time of the player on this page, if there is one. */
function now() {
  const player = document.querySelector(".edit-player");
  return formatClock(player?.currentTime ?? 0);
}

/** @param {HTMLFormElement} form */
function connect(form) {
  const text = form.elements.chapters;
  const rows = text.value.split("\n").map((each) => each.trim()).filter(Boolean).map((each) => line.exec(each));
  if (rows.some((row) => row === null)) return; // the server has named what is wrong: it stays as text
  for (const [, time, title] of rows) addRow(form, time, title);
  form.querySelector("[data-chapters-text]").hidden = true;
  listOf(form).hidden = false;
  form.querySelector("[data-chapter-add]").addEventListener("click", () => {
    const row = addRow(form, now(), "");
    write(form);
    say(form, form.dataset.added);
    row.querySelector(".chapter-name").focus();
  });
}

export function connectChapters() {
  for (const form of document.querySelectorAll("[data-chapters]")) connect(form);
}

/**
 * Files dropped on any page are uploaded: the upload page's content is put into a sheet at the foot of this page, which
 * stays as it is. On the upload page itself, its own script takes them.
 */
import { connectDrop, grab, kindsOf } from "../upload/drop.js";

/** @type {Promise<(chosen: import("../upload/drop.js").Chosen) => Promise<void>> | null} */
let opened = null;

/** @param {HTMLAnchorElement} link to the upload page @returns {HTMLElement} what is shown while files are dragged */
function makeCover(link) {
  const cover = Object.assign(document.createElement("div"), { className: "drop-cover", hidden: true });
  const inner = cover.appendChild(document.createElement("div"));
  inner.append(link.querySelector("svg").cloneNode(true), Object.assign(document.createElement("p"), { textContent: link.dataset.drop }));
  document.body.append(cover);
  return cover;
}

/** @param {string} href of the upload page */
async function open(href) {
  const answer = await fetch(href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error("No upload page.");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = (id) => document.adoptNode(page.getElementById(id));
  const script = page.querySelector("script[data-upload]").getAttribute("src");
  const sheet = Object.assign(document.createElement("details"), { className: "upload-sheet", open: true });
  const heading = Object.assign(document.createElement("summary"), { textContent: page.querySelector("#upload h1").textContent });
  sheet.append(heading, part("upload"));
  const place = Object.assign(document.createElement("aside"), { className: "upload-place" });
  place.setAttribute("aria-label", heading.textContent);
  place.append(sheet, part("drop-cover"), part("upload-row"));
  document.body.append(place);
  const { take } = await import(script);
  return async (data) => take(await data(kindsOf(document.getElementById("files"))));
}

/** @param {HTMLAnchorElement} link @param {DataTransfer} data */
async function onDrop(link, data) {
  const grabbed = grab(data);
  try {
    opened ??= open(link.href);
    await (await opened)(grabbed);
  } catch {
    // Signed out, or the server cannot be reached: its page says so.
    location.assign(link.href);
  }
}

export function connectDropAnywhere() {
  const link = document.querySelector("a[data-drop]");
  if (!link || document.getElementById("upload")) return;
  const cover = makeCover(link);
  // Once the sheet is open, the upload page's own script listens.
  connectDrop((shown) => (cover.hidden = !shown), (data) => onDrop(link, data), () => document.getElementById("upload") !== null);
}

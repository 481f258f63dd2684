/** The upload page: one row per file, two uploads at a time. */
import { formatSize } from "./page/format.js";
import { words } from "./page/words.js";
import { connectFiles } from "./upload/drop.js";
import { UploadRow } from "./upload/row.js";

/** Concurrent uploads. More would only share the bandwidth and use up the browser's connections. */
const AT_ONCE = 2;

const page = document.getElementById("upload");
const list = document.getElementById("uploads");
const template = document.getElementById("upload-row");
const maxSize = Number(page.dataset.maxSize);
/** @type {UploadRow[]} */
const rows = [];

/** Starts waiting rows. */
function next() {
  const running = rows.filter((row) => row.phase === "uploading").length;
  const waiting = rows.filter((row) => row.phase === "waiting");
  for (const row of waiting.slice(0, Math.max(0, AT_ONCE - running))) row.start();
}

/** @returns {number | null} what is left of the quota after the waiting rows; the server checks again for each upload */
function quotaLeft() {
  if (page.dataset.quotaLeft === undefined) return null;
  const taken = rows.filter((row) => row.isActive).reduce((sum, row) => sum + row.file.size, 0);
  return Math.max(0, Number(page.dataset.quotaLeft) - taken);
}

/** @param {File} file @returns {string | null} why it cannot be taken */
function objection(file) {
  if (file.size === 0) return words("empty");
  if (maxSize && file.size > maxSize) {
    return words("tooBig", { size: formatSize(file.size), limit: page.dataset.maxSizeText });
  }
  const left = quotaLeft();
  if (left !== null && file.size > left) {
    const limit = page.dataset.quotaLimitText;
    return words("overQuota", { size: formatSize(file.size), limit, left: formatSize(left) });
  }
  return null;
}

/** @param {File} file @returns {boolean} whether the same file is being uploaded already */
const isKnown = ({ name, size, lastModified }) =>
  rows.some((row) => row.isActive && row.file.name === name && row.file.size === size && row.file.lastModified === lastModified);

/** @param {File[]} files */
function add(files) {
  for (const file of files) {
    if (isKnown(file)) continue;
    const element = template.content.firstElementChild.cloneNode(true);
    const visibility = document.getElementById("upload-visibility").value;
    const { endpoint, chunkSize } = page.dataset;
    const row = new UploadRow(file, element, { endpoint, chunkSize: Number(chunkSize), visibility }, next);
    list.append(element);
    rows.push(row);
    const refused = objection(file);
    if (refused) row.refuse(refused);
    else row.showCost();
  }
  next();
}

connectFiles({ picker: document.getElementById("files"), cover: document.getElementById("drop-cover") }, add);

// The network is back: failed uploads resume.
window.addEventListener("online", () => {
  for (const row of rows) if (row.phase === "failed" && row.transfer && !row.part("retry").hidden) row.resume();
});

window.addEventListener("beforeunload", (event) => {
  if (rows.some((row) => row.phase === "uploading")) event.preventDefault();
});

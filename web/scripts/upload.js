/** The upload page, or the sheet into which `page/drop-anywhere.js` puts it: files become rows of a queue. */
import { t } from "./page/texts.js";
import { Checks, forgetInterrupted, interrupted } from "./upload/checks.js";
import { connectFiles, kindsOf } from "./upload/drop.js";
import { Queue } from "./upload/queue.js";
import { UploadRow } from "./upload/row.js";
import { sharedFiles } from "./upload/shared.js";
import { likeness } from "./upload/transfer.js";

/** Names that a sentence lists. */
const MOST_NAMED = 5;
/** With more files at once, the disk space that each will need is looked up when it begins. */
const MOST_LOOKED_AT = 20;

const page = document.getElementById("upload");
const picker = document.getElementById("files");
const template = document.getElementById("upload-row");
const queue = new Queue(document.getElementById("uploads"), document.getElementById("upload-summary"));
const checks = new Checks(page.dataset, kindsOf(picker));

/** @param {string[]} names @returns {string} some of them, and how many more there are */
function listed(names) {
  const more = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` ${t("and {count} more", { count: more })}` : "");
}

/** @param {File} file @returns {UploadRow} */
function makeRow(file) {
  const element = template.content.firstElementChild.cloneNode(true);
  const visibility = document.getElementById("upload-visibility").value;
  const { endpoint, chunkSize } = page.dataset;
  const events = { onFree: () => queue.next(), onChange: () => queue.changed(), onGone: (row) => queue.remove(row) };
  const row = new UploadRow(file, element, { endpoint, chunkSize: Number(chunkSize), visibility }, events);
  const objection = checks.objection(file);
  if (objection) row.refuse(objection);
  return row;
}

/** @param {import("./upload/drop.js").Chosen} chosen adds these files to the queue */
export async function take({ files, leftOut }) {
  const notice = document.getElementById("upload-left-out");
  notice.hidden = !leftOut.length;
  document.getElementById("upload-interrupted").hidden = true;
  notice.lastElementChild.textContent = t("Left out, since they are no videos: {names}", { names: listed(leftOut) });
  await checks.refresh(queue.unsent);
  const known = new Set(queue.rows.filter((row) => row.isActive).map((row) => likeness(row.file)));
  const fresh = files.filter((file) => !known.has(likeness(file)) && known.add(likeness(file)));
  await queue.add(fresh.map((file) => () => makeRow(file)));
  if (fresh.length <= MOST_LOOKED_AT) for (const row of queue.rows.slice(-fresh.length)) if (row.isActive) row.showCost();
}

/** Names files whose uploads a reload or a crash has interrupted. */
function nameInterrupted() {
  const notice = document.getElementById("upload-interrupted");
  const names = interrupted();
  if (!names.length) return;
  notice.hidden = false;
  notice.querySelector("[data-names]").textContent = t("Interrupted: {names}. Choose the same files again, or their folder, and they go on.", { names: listed(names) });
  notice.querySelector("button").addEventListener("click", () => {
    forgetInterrupted();
    notice.hidden = true;
  });
}

/** Takes the files that another app has shared with this one. */
async function takeShared() {
  if (!new URLSearchParams(location.search).has("shared")) return;
  history.replaceState(history.state, "", location.pathname);
  const files = await sharedFiles();
  if (files.length) return take({ files, leftOut: [] });
  const notice = document.getElementById("upload-left-out");
  notice.lastElementChild.textContent = t("The shared files did not arrive. Choose them here.");
  notice.hidden = false;
}

nameInterrupted();
takeShared();
connectFiles({ picker, folder: document.getElementById("folder"), cover: document.getElementById("drop-cover") }, take);

// The network is back: failed uploads resume.
window.addEventListener("online", () => {
  for (const row of queue.rows) if (row.phase === "failed" && row.transfer && row.canRetry) row.resume();
});

window.addEventListener("beforeunload", (event) => {
  if (queue.isActive) event.preventDefault();
});

/** Files dropped anywhere on the window, folders walked through. */

/** Listings of large folders come in pieces of a hundred. */
function readEntries(reader) {
  return new Promise((resolve, reject) => {
    reader.readEntries(resolve, reject);
  });
}

/** @param {FileSystemEntry} entry @returns {Promise<File[]>} */
async function filesOf(entry) {
  if (entry.isFile) {
    return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  }
  const files = [];
  const reader = entry.createReader();
  for (let entries = await readEntries(reader); entries.length; entries = await readEntries(reader)) {
    for (const inner of entries) files.push(...(await filesOf(inner)));
  }
  return files;
}

/** @param {File} file @returns {boolean} folders hold more than videos */
const looksLikeVideo = (file) => file.type.startsWith("video/") || /\.(mkv|avi|m2ts|mts|ts|flv|wmv|mov|m4v|ogv|vob|mxf)$/i.test(file.name);

/** @param {DataTransfer} data @returns {Promise<File[]>} */
async function droppedFiles(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
  const files = (await Promise.all(entries.map(filesOf))).flat();
  return files.filter(looksLikeVideo);
}

/** @param {HTMLElement} cover shown while files hover @param {(files: File[]) => void} onFiles */
export function connectDrop(cover, onFiles) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (change) => {
    depth = Math.max(0, depth + change);
    cover.hidden = depth === 0;
  };
  window.addEventListener("dragenter", (event) => hasFiles(event) && show(1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && show(-1));
  window.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(-depth);
    onFiles(await droppedFiles(event.dataTransfer));
  });
}

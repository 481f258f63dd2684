/** Files chosen with the button or dropped anywhere on the window; folders are searched. */

/** Reads a folder; browsers return listings in batches of 100. */
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

/** @param {File} file @param {string[]} kinds as in `accept` @returns {boolean} folders also contain other files */
function isTaken(file, kinds) {
  const name = file.name.toLowerCase();
  return kinds.some((kind) => {
    if (kind.startsWith(".")) return name.endsWith(kind);
    return kind.endsWith("/*") ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind;
  });
}

/** @param {DataTransfer} data @param {string[]} kinds @returns {Promise<File[]>} */
async function droppedFiles(data, kinds) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
  const files = (await Promise.all(entries.map(filesOf))).flat();
  return files.filter((file) => isTaken(file, kinds));
}

/** @param {HTMLElement} cover shown while files hover @param {string[]} kinds @param {(files: File[]) => void} onFiles */
function connectDrop(cover, kinds, onFiles) {
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
    onFiles(await droppedFiles(event.dataTransfer, kinds));
  });
}

/** @param {HTMLInputElement} picker @param {(files: File[]) => void} onFiles */
function connectPicker(picker, onFiles) {
  const take = () => {
    onFiles([...picker.files]);
    // So that the same file can be chosen again.
    picker.value = "";
  };
  picker.addEventListener("change", take);
  // Files that were chosen before this script ran.
  take();
}

/**
 * Passes on chosen and dropped files.
 * @param {{ picker: HTMLInputElement, cover: HTMLElement }} parts `accept` of `picker` also filters the files of folders
 * @param {(files: File[]) => void} onFiles
 */
export function connectFiles({ picker, cover }, onFiles) {
  connectDrop(cover, picker.accept.toLowerCase().split(","), onFiles);
  connectPicker(picker, onFiles);
}

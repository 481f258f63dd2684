/** Files chosen with a button or dropped on the window; folders are searched with all that is in them. */

/** Reads a folder; browsers return listings in batches of 100. */
function readEntries(reader) {
  return new Promise((resolve, reject) => {
    reader.readEntries(resolve, reject);
  });
}

/** @param {FileSystemEntry} entry @returns {Promise<File[]>} those that can be read, in the order of their names */
async function filesOf(entry) {
  if (entry.isFile) {
    return new Promise((resolve) => entry.file((file) => resolve([file]), () => resolve([])));
  }
  const inside = [];
  const reader = entry.createReader();
  try {
    for (let entries = await readEntries(reader); entries.length; entries = await readEntries(reader)) inside.push(...entries);
  } catch {
    // A folder that may not be read is as an empty one.
  }
  inside.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const files = [];
  for (const inner of inside) files.push(...(await filesOf(inner)));
  return files;
}

/** @param {File} file @param {string[]} kinds as in `accept` @returns {boolean} */
export function isTaken(file, kinds) {
  const name = file.name.toLowerCase();
  return kinds.some((kind) => {
    if (kind.startsWith(".")) return name.endsWith(kind);
    return kind.endsWith("/*") ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind;
  });
}

/** @param {HTMLInputElement} picker @returns {string[]} */
export const kindsOf = (picker) => picker.accept.toLowerCase().split(",");

/**
 * @typedef {object} Chosen
 * @property {File[]} files
 * @property {string[]} leftOut names of files in folders that are no videos
 */

/** @param {File[]} files of a folder @param {string[]} kinds @returns {Chosen} */
function sorted(files, kinds) {
  const taken = files.filter((file) => isTaken(file, kinds));
  const others = files.filter((file) => !isTaken(file, kinds) && !file.name.startsWith("."));
  return { files: taken, leftOut: others.map((file) => file.name) };
}

/**
 * Takes what was dropped; has to be called in the event's listener, after which it cannot be read.
 *
 * @param {DataTransfer} data @returns {(kinds: string[]) => Promise<Chosen>} reads folders
 */
export function grab(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...data.files];
  return async (kinds) => {
    const folders = entries.filter((entry) => entry.isDirectory);
    if (!folders.length) return { files, leftOut: [] };
    const single = (await Promise.all(entries.filter((entry) => entry.isFile).map(filesOf))).flat();
    const inside = sorted((await Promise.all(folders.map(filesOf))).flat(), kinds);
    return { files: [...single, ...inside.files], leftOut: inside.leftOut };
  };
}

/**
 * Shows `cover` while files are dragged over the window, and passes on what is dropped.
 *
 * @param {(shown: boolean) => void} cover @param {(data: DataTransfer) => void} onDrop
 * @param {() => boolean} [isOff] whether something else takes the files
 */
export function connectDrop(cover, onDrop, isOff = () => false) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && !isOff();
  const show = (change) => {
    depth = Math.max(0, depth + change);
    cover(depth > 0);
  };
  window.addEventListener("dragenter", (event) => hasFiles(event) && show(1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && show(-1));
  window.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(-depth);
    onDrop(event.dataTransfer);
  });
}

/** @param {HTMLInputElement} picker @param {(files: File[]) => void} onFiles */
function connectPicker(picker, onFiles) {
  const take = () => {
    const files = [...picker.files];
    // So that the same file can be chosen again.
    picker.value = "";
    if (files.length) onFiles(files);
  };
  picker.addEventListener("change", take);
  // Files that were chosen before this script ran.
  take();
}

/**
 * Passes on chosen and dropped files.
 * @param {{ picker: HTMLInputElement, folder?: HTMLInputElement | null, cover: HTMLElement }} parts `accept` of `picker`
 *   also filters the files of folders
 * @param {(chosen: Chosen) => void} onChosen
 */
export function connectFiles({ picker, folder, cover }, onChosen) {
  const kinds = kindsOf(picker);
  const onDrop = async (data) => onChosen(await grab(data)(kinds));
  connectDrop((shown) => (cover.hidden = !shown), onDrop);
  connectPicker(picker, (files) => onChosen({ files, leftOut: [] }));
  if (folder) connectPicker(folder, (files) => onChosen(sorted(files, kinds)));
}

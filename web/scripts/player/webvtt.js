/** Reads WebVTT files: the times and plain texts of their cues (https://www.w3.org/TR/webvtt1/). */

const TIMING = /^\s*((?:\d+:)?\d\d:\d\d\.\d{3})\s+-->\s+((?:\d+:)?\d\d:\d\d\.\d{3})/;

/** @typedef {{ start: number, end: number, text: string }} Cue in seconds */

/** @param {string} text "1:02:03.500" @returns {number} */
const seconds = (text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/** @param {string} payload of a cue, with tags and entities @returns {string} in one line */
const plain = (payload) => new VTTCue(0, 1, payload).getCueAsHTML().textContent.replace(/\s+/g, " ").trim();

/** @param {string} file @returns {Cue[]} in order of time; those without text are left out */
export function parseWebVtt(file) {
  const cues = file.replace(/\r\n?/g, "\n").split(/\n{2,}/).flatMap((block) => {
    const lines = block.split("\n");
    const at = lines.findIndex((line) => line.includes("-->"));
    const timing = TIMING.exec(lines[at] ?? "");
    if (!timing) return [];
    const text = plain(lines.slice(at + 1).join("\n"));
    return text ? [{ start: seconds(timing[1]), end: seconds(timing[2]), text }] : [];
  });
  return cues.sort((a, b) => a.start - b.start);
}

/**
 * @param {string} playlist URL of the media playlist of a caption track
 * @returns {Promise<Cue[]>} of the one file that it names; rejected if either cannot be fetched
 */
export async function fetchCues(playlist) {
  const read = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.text();
  };
  const file = (await read(playlist)).split("\n").find((line) => line && !line.startsWith("#"));
  return file ? parseWebVtt(await read(new URL(file.trim(), playlist).href)) : [];
}

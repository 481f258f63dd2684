/** What is done with a video, which the API tells in English, in the language of the page. */
import { mark, t } from "./texts.js";

const STATES = new Set([
  mark("Cutting"),
  mark("Paused while somebody watches"),
  mark("Preparing"),
  mark("Preparing sound"),
  mark("Uploading"),
  mark("Waiting"),
  mark("Waiting for you: you have this already"),
  mark("Waits for its turn"),
  mark("Waits for room on the disk"),
  mark("Waits until there is memory for it"),
]);

/** @param {string} text a stage, or the reason why nothing is done @returns {string} */
export function stateText(text) {
  const [, names] = /^Preparing (.+)$/.exec(text) ?? [];
  const [, time] = /^Waits for quiet hours \((.+)\)$/.exec(text) ?? [];
  if (time) return t("Waits for quiet hours ({time})", { time });
  if (STATES.has(text)) return t(text);
  return names ? t("Preparing {names}", { names }) : text;
}

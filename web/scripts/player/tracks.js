/**
 * Audio tracks and captions: starts with the languages that the viewer prefers (`data-captions-language`,
 * `data-audio-language`), or else with the last choice, from any video; stores the choices in the player's menus.
 * `data-audio` and `data-captions` on the player are the names of the current tracks, for tests.
 */
import { Hls } from "./element.js";
import { keepSettings, settings } from "./memory.js";

const CAPTION_KINDS = ["captions", "subtitles"];
const CAPTION_REQUESTS = ["mediashowsubtitlesrequest", "mediadisablesubtitlesrequest", "mediatogglesubtitlesrequest"];

/** @typedef {import("./memory.js").TrackName} TrackName */

/** @param {{ language: string, label: string }} track @returns {TrackName} */
const nameOf = ({ language, label }) => ({ language, label });

/**
 * @template {TrackName} T
 * @param {T[]} tracks @param {TrackName | null | undefined} wanted
 * @returns {T | undefined} the same track, or another in its language
 */
function like(tracks, wanted) {
  if (!wanted) return undefined;
  const alike = tracks.filter((track) => track.language === wanted.language);
  const same = alike.find((track) => track.label === wanted.label);
  if (same || !wanted.language) return same;
  return alike[0] ?? tracks.find((track) => baseOf(track.language) === baseOf(wanted.language));
}

/** @param {string} language @returns {string} without country and script: "pt" of "pt-BR" */
const baseOf = (language) => language.split("-")[0];

/** @param {string | undefined} language a preference @returns {TrackName | null | undefined} null where it is "off" */
function preferred(language) {
  if (language === undefined) return undefined;
  return language === "off" ? null : { language, label: "" };
}

/** @param {HTMLElement} player @param {import("./element.js").StreamtimeVideo} video */
export function rememberTracks(player, video) {
  const captions = () => [...video.textTracks].filter((track) => CAPTION_KINDS.includes(track.kind) && track.label);
  const shown = () => captions().find((track) => track.mode === "showing");
  const heard = () => [...video.audioTracks].find((track) => track.enabled);
  const mirror = () => {
    player.dataset.captions = shown()?.label ?? "";
    player.dataset.audio = heard()?.label ?? "";
  };

  // Only what the viewer chose, now or earlier: tracks also change when a playlist is loaded again, and browsers
  // turn on tracks in their own language.
  const preference = preferred(player.dataset.captionsLanguage);
  let wanted = preference === undefined ? (settings().captions ?? null) : preference;
  let ours = false;
  const insist = () => {
    const right = like(captions(), wanted);
    for (const track of captions()) {
      if (track === right && track.mode !== "showing") track.mode = "showing";
      if (track !== right && track.mode === "showing") track.mode = "disabled";
    }
  };
  const onTextTracks = () => {
    if (ours) insist();
    mirror();
  };
  for (const request of CAPTION_REQUESTS) {
    player.addEventListener(request, () => {
      const track = shown();
      wanted = track ? nameOf(track) : null;
      keepSettings({ captions: wanted });
    });
  }
  player.addEventListener("mediaaudiotrackrequest", () => {
    const track = heard();
    if (track) keepSettings({ sound: nameOf(track) });
  });

  video.textTracks.addEventListener("addtrack", onTextTracks);
  video.textTracks.addEventListener("change", onTextTracks);
  video.audioTracks.addEventListener("change", mirror);

  /** Called for each new hls.js, once listeners can be added. */
  return function follow(hls) {
    ours = true;
    let audioSought = true;
    hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => {
      const tracks = [...video.audioTracks];
      const found = audioSought ? like(tracks, preferred(player.dataset.audioLanguage) ?? settings().sound) : undefined;
      audioSought = false;
      if (found && !found.enabled) for (const track of tracks) track.enabled = track === found;
      mirror();
    });
  };
}

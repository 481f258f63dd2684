/** Player settings in localStorage: volume, speed, tracks, and the position in each video. `sound` is the audio track. */
const SETTINGS_KEY = "streamtime.player";
const POSITIONS_KEY = "streamtime.positions";
const POSITIONS_KEPT = 200;

/** @returns {any} */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "{}");
  } catch {
    return {};
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage may be full or forbidden: then nothing is remembered.
  }
}

/** @typedef {{ language: string, label: string }} TrackName */

/** @returns {{ volume?: number, muted?: boolean, rate?: number, theatre?: boolean, autoplay?: boolean, sound?: TrackName, captions?: TrackName | null }} */
export function settings() {
  return read(SETTINGS_KEY);
}

/** @param {ReturnType<typeof settings>} values what has changed */
export function keepSettings(values) {
  write(SETTINGS_KEY, { ...settings(), ...values });
}

/** @param {string} video @returns {number} seconds, 0 if there is none */
export function position(video) {
  return read(POSITIONS_KEY)[video]?.[0] ?? 0;
}

/**
 * @param {string} video
 * @param {number} seconds 0 forgets the video
 */
export function keepPosition(video, seconds) {
  const all = read(POSITIONS_KEY);
  delete all[video];
  if (seconds > 0) all[video] = [Math.round(seconds * 10) / 10, Date.now()];
  const newest = Object.entries(all).sort(([, a], [, b]) => b[1] - a[1]);
  write(POSITIONS_KEY, Object.fromEntries(newest.slice(0, POSITIONS_KEPT)));
}

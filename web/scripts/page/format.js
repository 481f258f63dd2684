/** Formats sizes and times, with the numbers of the page's language. A value that is not known yet becomes a dash. */
import { language, t } from "./texts.js";

const UNKNOWN = "–";

/** @param {number} value @param {number} [digits] decimal places, always shown @returns {string} */
function decimal(value, digits = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** As the server writes them; decimal units, as for disks. */
const SIZES = [
  (number) => t("{number} B", { number }),
  (number) => t("{number} KB", { number }),
  (number) => t("{number} MB", { number }),
  (number) => t("{number} GB", { number }),
  (number) => t("{number} TB", { number }),
];

/** @param {number} bytes @returns {string} "1.2 GB" */
export function formatSize(bytes) {
  if (!Number.isFinite(bytes)) return UNKNOWN;
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return SIZES[unit](decimal(value, unit === 0 || value >= 99.5 ? 0 : 1));
}

/** @param {number | undefined} bits per second @returns {string} "850 kbit/s", "2.4 Mbit/s" */
export function formatBitrate(bits) {
  if (!Number.isFinite(bits)) return UNKNOWN;
  const kilo = bits / 1000;
  return kilo < 999.5 ? t("{number} kbit/s", { number: decimal(kilo) }) : t("{number} Mbit/s", { number: decimal(kilo / 1000, 1) });
}

/** @param {number} seconds @returns {string} "1:02:03" or "2:03", as a player shows it */
export function formatClock(seconds) {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  const tail = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** @param {number} speed seconds of video a second @returns {string} "12×", "2.1×", "0.05×", as the server writes it */
export function formatSpeed(speed) {
  if (!Number.isFinite(speed)) return UNKNOWN;
  return `${decimal(speed, speed >= 10 ? 0 : speed >= 1 ? 1 : 2)}×`;
}

/** @param {number} seconds @returns {string} "40 s", "3 min", "2 h 5 min": coarse, because it is an estimate */
export function formatLeft(seconds) {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 55) return t("{seconds} s", { seconds: Math.max(1, Math.ceil(seconds / 5) * 5) });
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return t("{minutes} min", { minutes });
  return t("{hours} h {minutes} min", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

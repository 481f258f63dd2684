/** Formats sizes and times. A value that is not a number, because it is not known yet, becomes a dash. */
const UNKNOWN = "–";
const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** @param {number} bytes @returns {string} "1.2 GB"; decimal units, as for disks */
export function formatSize(bytes) {
  if (!Number.isFinite(bytes)) return UNKNOWN;
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** @param {number | undefined} bits per second @returns {string} "850 kbit/s", "2.4 Mbit/s" */
export function formatBitrate(bits) {
  if (!Number.isFinite(bits)) return UNKNOWN;
  const kilo = bits / 1000;
  return kilo < 999.5 ? `${Math.round(kilo)} kbit/s` : `${(kilo / 1000).toFixed(1)} Mbit/s`;
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
  const digits = speed >= 10 ? 0 : speed >= 1 ? 1 : 2;
  return `${speed.toFixed(digits)}×`;
}

/** @param {number} seconds @returns {string} "40 s", "3 min", "2 h 5 min": coarse, because it is an estimate */
export function formatLeft(seconds) {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 55) return `${Math.max(1, Math.ceil(seconds / 5) * 5)} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

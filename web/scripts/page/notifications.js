/**
 * Notifications of the browser, where it offers them: over https. They are asked for by a click, shown while no tab of
 * ours is visible, and once for all tabs.
 */
import { t } from "./texts.js";

const SWITCH = "streamtime-notifications";
const ICON = () => document.querySelector('link[rel="apple-touch-icon"]')?.href;

/** @param {{ id: string, text: string, page: string }} notice */
export async function notify({ id, text, page }) {
  if (localStorage.getItem(SWITCH) !== "on" || globalThis.Notification?.permission !== "granted") return;
  const options = { tag: id, icon: ICON(), body: text, data: { page } };
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker) {
    await worker.showNotification("Streamtime", options); // the only way on phones; service-worker.js opens the page
    return;
  }
  const shown = new Notification("Streamtime", options);
  shown.onclick = () => {
    window.focus();
    location.assign(page);
    shown.close();
  };
}

/** @returns {string} why this browser shows none; empty if it may */
function obstacle() {
  if (!window.isSecureContext) return t("Browsers show notifications only over https. Ask the person who runs this server.");
  if (!("Notification" in window)) return t("This browser has no notifications.");
  if (Notification.permission === "denied") return t("This browser refuses notifications of this site. Allow them in its settings of the site, then reload this page.");
  return "";
}

/** The switch on the page of settings. */
export function connectNotifications() {
  const box = document.querySelector("[data-notifications]");
  if (!box) return;
  const input = box.querySelector("input");
  const note = box.querySelector("[data-notifications-note]");
  const show = () => {
    const why = obstacle();
    input.disabled = Boolean(why);
    input.checked = !why && Notification.permission === "granted" && localStorage.getItem(SWITCH) === "on";
    note.textContent = why || t("Shown while no page of Streamtime is visible. This is a setting of this browser alone.");
  };
  input.addEventListener("change", async () => {
    if (input.checked) await Notification.requestPermission();
    localStorage.setItem(SWITCH, input.checked && Notification.permission === "granted" ? "on" : "off");
    show();
  });
  box.hidden = false;
  show();
}

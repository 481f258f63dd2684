/**
 * Runs before the first paint: marks that script is on, sets the chosen theme and the television layout, so that nothing flashes.
 * The choice of an account is in `data-appearance`, that of a visitor in localStorage; the switch itself is
 * page/appearance.js. Also prepares the transitions between pages.
 */
import { connectTransitions } from "./page/transitions.js";

connectTransitions();

(() => {
  /** Browsers of televisions by what they call themselves: LG, Samsung, HbbTV, Sony, Hisense, Android, Amazon, Google, Roku. */
  const TELEVISIONS = /Web0S|SMART-TV|SmartTV|HbbTV|BRAVIA|VIDAA|Android TV|\bAFT\w|CrKey|GoogleTV|Roku/;
  const root = document.documentElement;
  root.dataset.script = "";
  let choice = root.dataset.appearance;
  try {
    choice ??= localStorage.getItem("streamtime.theme");
  } catch {
    // Storage may be forbidden: then the system's theme applies.
  }
  const light = choice === "light" || (choice !== "dark" && matchMedia("(prefers-color-scheme: light)").matches);
  root.dataset.theme = light ? "light" : "dark";
  try {
    const television = localStorage.getItem("streamtime.television");
    if (television === "on" || (!television && TELEVISIONS.test(navigator.userAgent))) root.dataset.television = "";
    // Before the first paint, so that the player does not jump.
    if (JSON.parse(localStorage.getItem("streamtime.player") ?? "{}").theatre) root.dataset.theatre = "";
  } catch {
    // The stored value cannot be read: the player stays in its column.
  }
})();

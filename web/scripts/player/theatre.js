/** Theatre mode: the player as wide as the window. Switched by a button and a key, and remembered. */
import { keepSettings } from "./memory.js";

/** @param {HTMLElement} player @returns {() => void} turns it on and off; does nothing on pages without theatre mode */
export function connectTheatre(player) {
  const button = player.querySelector("[data-player-theatre]");
  if (!button) return () => {};
  const page = document.documentElement;
  const isOn = () => page.dataset.theatre !== undefined;
  const show = () => button.setAttribute("aria-pressed", String(isOn()));
  const toggle = () => {
    page.toggleAttribute("data-theatre");
    keepSettings({ theatre: isOn() });
    show();
  };
  button.addEventListener("click", toggle);
  show();
  return toggle;
}

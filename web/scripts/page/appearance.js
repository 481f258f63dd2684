/**
 * The theme switch: auto, light or dark. It changes the preference of an account (`data-appearance` of the page), and
 * of visitors a setting in localStorage. theme.js applies it before the first paint.
 */
import { savePreferences } from "./preferences.js";

const KEY = "streamtime.theme";
const prefersLight = matchMedia("(prefers-color-scheme: light)");
const root = document.documentElement;

/** @returns {string} "auto", "light" or "dark" */
function choice() {
  try {
    return root.dataset.appearance ?? localStorage.getItem(KEY) ?? "auto";
  } catch {
    return "auto";
  }
}

function apply() {
  const chosen = choice();
  const light = chosen === "light" || (chosen !== "dark" && prefersLight.matches);
  root.dataset.theme = light ? "light" : "dark";
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
  }
}

/** @param {string} chosen kept in the browser too: for the pages before the next sign-in, and for other tabs */
function keep(chosen) {
  if (root.dataset.appearance) {
    root.dataset.appearance = chosen;
    savePreferences({ theme: chosen });
  }
  try {
    if (chosen === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    root.dataset.theme = chosen;
  }
}

export function connectAppearance() {
  prefersLight.addEventListener("change", apply);
  // Another tab changed it.
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    if (root.dataset.appearance) root.dataset.appearance = event.newValue ?? "auto";
    apply();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (!button) return;
    keep(button.dataset.themeChoice);
    apply();
  });
  apply();
}

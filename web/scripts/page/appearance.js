/** The theme switch: system, light or dark, stored in localStorage. theme.js applies it before the first paint. */
const KEY = "streamtime.theme";
const prefersLight = matchMedia("(prefers-color-scheme: light)");

/** @returns {string} "system", "light" or "dark" */
function choice() {
  try {
    return localStorage.getItem(KEY) ?? "system";
  } catch {
    return "system";
  }
}

function apply() {
  const chosen = choice();
  const light = chosen === "light" || (chosen !== "dark" && prefersLight.matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
  }
}

/** @param {string} chosen */
function keep(chosen) {
  try {
    if (chosen === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    document.documentElement.dataset.theme = chosen;
  }
}

export function connectAppearance() {
  prefersLight.addEventListener("change", apply);
  // Another tab changed it.
  window.addEventListener("storage", (event) => event.key === KEY && apply());
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (!button) return;
    keep(button.dataset.themeChoice);
    apply();
  });
  apply();
}

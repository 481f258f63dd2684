/**
 * Runs before the first paint: marks that script is on and sets the chosen theme, so that nothing flashes.
 * Knows the place of the choice in localStorage; the switch itself is page/appearance.js.
 */
(() => {
  const root = document.documentElement;
  root.dataset.script = "";
  let choice = "system";
  try {
    choice = localStorage.getItem("streamtime.theme") ?? "system";
  } catch {
    // Storage may be forbidden: the system's wish holds then.
  }
  const light = choice === "light" || (choice !== "dark" && matchMedia("(prefers-color-scheme: light)").matches);
  root.dataset.theme = light ? "light" : "dark";
  try {
    // Before the first paint, so that the player does not jump.
    if (JSON.parse(localStorage.getItem("streamtime.player") ?? "{}").theatre) root.dataset.theatre = "";
  } catch {
    // What is kept there cannot be read: the player keeps to its column.
  }
})();

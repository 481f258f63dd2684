/** Menus are <details>; this closes them as menus close: outside click, Escape, focus leaving. */

/** @param {Element} [except] the menu that stays open */
function closeAll(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

/** @param {KeyboardEvent} event arrow keys walk through an open menu */
function walk(event) {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const items = [...menu.querySelectorAll(".menu-item, .segments button")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length]?.focus();
  event.preventDefault();
}

export function connectMenus() {
  document.addEventListener("click", (event) => {
    const inside = event.target.closest?.("details[data-menu]");
    const chosen = event.target.closest?.(".menu-item");
    closeAll(chosen ? undefined : inside);
  });
  document.addEventListener("focusin", (event) => {
    const open = document.querySelector("details[data-menu][open]");
    if (open && !open.contains(event.target)) closeAll(event.target.closest("details[data-menu]"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.querySelector("details[data-menu][open]");
      if (menu) menu.querySelector("summary").focus();
      closeAll();
    }
    walk(event);
  });
}

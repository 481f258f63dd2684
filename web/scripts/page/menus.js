/** Menus are <details>: closes them on an outside click, Escape or lost focus, and opens them upwards where there is no space below. */

/** A dialog that an item opens gives the focus back to the menu's button. @param {Element} menu that closes */
function giveFocusBack(menu) {
  const focused = document.activeElement;
  if (!menu.contains(focused)) return;
  const give = () => menu.querySelector("summary").focus();
  // htmx sends the button that has the focus when the form is submitted.
  if (focused.type === "submit") setTimeout(give);
  else give();
}

/** @param {Element} [except] the menu that stays open */
function closeAll(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu === except) continue;
    giveFocusBack(menu);
    menu.open = false;
  }
}

/** @param {Event} event a menu opens upwards where it would end below the window and fits above */
function place(event) {
  const menu = event.target;
  if (!menu.matches?.("details[data-menu]")) return;
  delete menu.dataset.up;
  if (!menu.open) return;
  const panel = menu.querySelector(".menu-panel").getBoundingClientRect();
  const { top } = menu.getBoundingClientRect();
  menu.toggleAttribute("data-up", panel.bottom > visibleBottom() && top > panel.height);
}

/** @returns {number} bottom edge of the visible page: of the window, or above the bottom bar */
function visibleBottom() {
  const bar = document.querySelector(".rail")?.getBoundingClientRect();
  return bar && bar.top > window.innerHeight / 2 ? bar.top : window.innerHeight;
}

/** @param {KeyboardEvent} event arrow keys move through an open menu */
function walk(event) {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const items = [...menu.querySelectorAll(".menu-item, .segments button")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length]?.focus();
  event.preventDefault();
}

/** A row of tabs may be wider than a phone: scrolls the tab of this page into view. */
function showCurrentPill() {
  for (const row of document.querySelectorAll(".pills")) {
    const current = row.querySelector("[aria-current]");
    if (!current || row.scrollWidth <= row.clientWidth) continue;
    row.scrollLeft += current.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - current.clientWidth) / 2;
  }
}

/** @param {any} node of an event's path @returns {boolean} whether it is an open menu, of the page or of the player */
export function isOpenMenu(node) {
  if (node.localName === "details") return node.open;
  return node.localName?.endsWith("-menu") && !node.hidden;
}

export function connectMenus() {
  showCurrentPill();
  document.addEventListener("click", (event) => {
    const inside = event.target.closest?.("details[data-menu]");
    const chosen = event.target.closest?.(".menu-item");
    closeAll(chosen ? undefined : inside);
  });
  // Toggle events do not bubble.
  document.addEventListener("toggle", place, { capture: true });
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

/** The list below the search field: it opens with its content, arrow keys choose, Enter follows, Escape closes. */

const field = () => document.querySelector("[data-search]");
const list = () => document.querySelector("#suggestions");

/** @param {boolean} open */
function show(open) {
  list().hidden = !open;
  field().setAttribute("aria-expanded", String(open));
  if (!open) choose(null);
}

/** @returns {HTMLAnchorElement | null} */
const chosen = () => list().querySelector("[aria-selected=true]");

/** @param {HTMLAnchorElement | null} option */
function choose(option) {
  chosen()?.removeAttribute("aria-selected");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) field().setAttribute("aria-activedescendant", option.id);
  else field().removeAttribute("aria-activedescendant");
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const options = [...list().querySelectorAll("[role=option]")];
  if (event.key === "Escape" && !list().hidden) {
    event.preventDefault();
    return show(false);
  }
  if (event.key === "Enter" && chosen() && !list().hidden) {
    event.preventDefault();
    return chosen().click();
  }
  if (!["ArrowDown", "ArrowUp"].includes(event.key) || options.length === 0 || event.isComposing) return;
  event.preventDefault();
  show(true);
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = options.indexOf(chosen()) + step;
  choose(at < 0 || at >= options.length ? null : options[at]); // past the end: the field again
}

export function connectSuggestions() {
  if (!field()) return;
  const attributes = { role: "combobox", "aria-expanded": "false", "aria-controls": "suggestions", "aria-autocomplete": "list" };
  for (const [name, value] of Object.entries(attributes)) field().setAttribute(name, value);
  field().addEventListener("keydown", onKey);
  field().addEventListener("focus", () => show(list().childElementCount > 0));
  list().addEventListener("htmx:afterSwap", () => show(list().childElementCount > 0 && document.activeElement === field()));
  field().form.addEventListener("focusout", (event) => {
    if (!field().form.contains(event.relatedTarget)) show(false);
  });
  // Without this, pressing the mouse on an option would take the focus, and close the list before the click.
  list().addEventListener("pointerdown", (event) => event.preventDefault());
}

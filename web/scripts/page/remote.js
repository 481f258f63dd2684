/**
 * The television layout is used by a remote control: arrows move the focus to what is beside it, Enter presses it, Back
 * or Escape closes what is open or goes a page back. Whether it is on is `data-television` of the page (theme.js).
 *
 * What has arrows of its own keeps them: text, sliders, open menus, and the picture of the player, where left and right
 * seek (player/keyboard.js).
 */
import { isTyping } from "./forms.js";
import { isOpenMenu } from "./menus.js";

const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
const BACK_KEYS = new Set(["Escape", "GoBack", "BrowserBack", "XF86Back"]);
/** Back on LG and Samsung, whose events have no key name in older versions. */
const BACK_CODES = new Set([461, 10009]);
/** How much farther something seems for each pixel that it is off to the side. */
const SIDE = { ArrowLeft: 8, ArrowRight: 8, ArrowUp: 3, ArrowDown: 3 };

const isOn = () => document.documentElement.dataset.television !== undefined;

/** @param {Element} element @returns {boolean} whether the remote control can go there */
function isReachable(element) {
  if (element.tabIndex < 0 || element.disabled || element.closest("[inert]") || element.matches(".skip")) return false;
  const { width, height } = element.getBoundingClientRect();
  return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true });
}

/** @returns {Element} what the focus stays in: the open dialog, or the page */
const scope = () => [...document.querySelectorAll("dialog[open]")].pop() ?? document;

/**
 * @param {DOMRect} from @param {DOMRect} to @param {string} key
 * @returns {number} how far it seems; infinite where it is not in that direction
 */
function distance(from, to, key) {
  const isSideways = key === "ArrowLeft" || key === "ArrowRight";
  const [start, end, low, high] = isSideways ? ["left", "right", "top", "bottom"] : ["top", "bottom", "left", "right"];
  const isForward = key === "ArrowRight" || key === "ArrowDown";
  const ahead = isForward ? to[start] - from[end] : from[start] - to[end];
  const overlap = Math.min(from[end] - from[start], to[end] - to[start]) / 2;
  if (ahead < -overlap) return Infinity;
  const aside = Math.max(0, to[low] - from[high], from[low] - to[high]);
  const skew = Math.abs(to[low] + to[high] - from[low] - from[high]) / 2;
  return Math.max(0, ahead) + SIDE[key] * aside + 0.2 * skew;
}

/** @param {Element} element */
function goTo(element) {
  element.focus();
  element.scrollIntoView({ block: "center", inline: "nearest" });
}

/** @param {Element} from @param {string} key @param {Element[]} among @returns {Element | undefined} */
function nearest(from, key, among) {
  const box = from.getBoundingClientRect();
  let best;
  let least = Infinity;
  for (const element of among) {
    if (element === from || !isReachable(element)) continue;
    const far = distance(box, element.getBoundingClientRect(), key);
    if (far < least) [best, least] = [element, far];
  }
  return best;
}

/** @param {Element} from @param {string} key @returns {Element | undefined} where the arrow leads */
function target(from, key) {
  const player = from.closest("media-controller");
  const all = [...scope().querySelectorAll(FOCUSABLE)].filter((element) => element.localName !== "media-controller");
  if (from === player) {
    if (key === "ArrowDown") return player.querySelector("media-play-button");
    return nearest(from, key, all.filter((element) => !player.contains(element)));
  }
  const inside = player && nearest(from, key, all.filter((element) => player.contains(element)));
  if (inside) return inside;
  if (player && key === "ArrowUp") return player;
  if (player && key !== "ArrowDown") return undefined;
  const next = nearest(player ?? from, key, all.filter((element) => !player?.contains(element)));
  // A player is entered by its picture.
  return next?.closest("media-controller") ?? next;
}

/** @returns {Element | undefined} where the focus begins */
function beginning() {
  const places = ["dialog[open]", "[autofocus]", "#main media-controller", "#main .card a", "#main", "body"];
  for (const place of places) {
    const root = document.querySelector(place);
    if (root?.matches("a, [autofocus], media-controller")) return root;
    const first = root && [...root.querySelectorAll(FOCUSABLE)].find(isReachable);
    if (first) return first;
  }
  return undefined;
}

/** @param {KeyboardEvent} event @returns {boolean} whether the focused element handles this arrow itself */
function keepsArrow(event) {
  const path = event.composedPath();
  const [focused] = path;
  const isMenu = (node) => (node.localName === "details" ? node.matches("[data-menu][open]") : isOpenMenu(node));
  if (path.some(isMenu)) return true;
  const isSideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
  if (focused.getAttribute("aria-expanded") === "true" && focused.role === "combobox") return true;
  return isSideways && (isTyping(focused) || focused.localName === "media-controller");
}

/** @param {KeyboardEvent} event */
function onArrow(event) {
  if (keepsArrow(event)) return;
  const from = document.activeElement;
  const next = from === document.body || from?.id === "main" ? beginning() : target(from, event.key);
  // The player's own keys would seek.
  event.stopImmediatePropagation();
  if (!next) return;
  event.preventDefault();
  goTo(next);
}

/** @param {KeyboardEvent} event Enter on what only the space bar or a mouse presses elsewhere */
function onEnter(event) {
  const [focused] = event.composedPath();
  if (focused.localName === "media-controller") {
    const video = focused.querySelector("[slot=media]");
    if (video.paused) video.play().catch(() => {});
    else video.pause();
  } else if (focused.localName === "select") focused.showPicker?.();
  else if (["radio", "checkbox"].includes(focused.type)) focused.click();
  else return;
  event.preventDefault();
}

/** @returns {boolean} whether Escape closes something */
function isSomethingOpen() {
  const open = "dialog[open], details[data-menu][open], [aria-expanded=true][role=combobox], [data-up-next-stop]";
  return Boolean(document.fullscreenElement || document.querySelector(open) || document.querySelector("media-settings-menu:not([hidden])"));
}

/** @param {KeyboardEvent} event */
function onBack(event) {
  const dialog = document.querySelector("dialog[open]");
  if (isSomethingOpen()) {
    if (event.key === "Escape") return;
    event.preventDefault();
    if (dialog) dialog.close();
    else if (document.fullscreenElement) document.exitFullscreen();
    else event.target.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, composed: true }));
    return;
  }
  event.preventDefault();
  history.back();
}

/** Gives the focus to where it begins; a player can have it once its script has run. */
async function begin() {
  const element = beginning();
  if (element?.localName === "media-controller") await customElements.whenDefined("media-controller");
  if (document.activeElement === document.body) element?.focus();
}

export function connectRemote() {
  // Before all others: a key that moves the focus does nothing else.
  window.addEventListener(
    "keydown",
    (event) => {
      if (!isOn() || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
      if (event.key in SIDE) onArrow(event);
      else if (event.key === "Enter") onEnter(event);
      else if (BACK_KEYS.has(event.key) || BACK_CODES.has(event.keyCode)) onBack(event);
    },
    { capture: true },
  );
  if (isOn()) begin();
  connectSwitch();
}

/** The switch of the layout, in the settings: for this browser alone, since an account is on other screens too. */
function connectSwitch() {
  const button = document.querySelector("[data-television-switch]");
  if (!button) return;
  const show = () => button.setAttribute("aria-pressed", String(isOn()));
  button.addEventListener("click", () => {
    document.documentElement.toggleAttribute("data-television");
    show();
    try {
      localStorage.setItem("streamtime.television", isOn() ? "on" : "off");
    } catch {
      // Without storage it lasts until the page is left.
    }
  });
  show();
}

/**
 * Selecting cards of the library: by their checkbox, with Shift a range, with Ctrl or Cmd and A all of them, by a long
 * press on touch screens, or by any click while some are selected. The checkboxes are the state; they belong to the
 * form `#bulk`.
 */
import { isTyping } from "../page/forms.js";
import { shown, t } from "../page/texts.js";

const LONG_PRESS_MS = 450;
const MOVED_PX = 10;

export class Selection {
  #grid;
  #form;
  /** The card from which a range with Shift begins. @type {Element | null} */
  #anchor = null;
  /** Videos that the filter finds; null until it is known. @type {number | null} */
  #total = null;
  #asked = false;
  /** Whether lifting the finger of a long press is about to click. */
  #pressed = false;

  /** @param {HTMLElement} grid @param {HTMLFormElement} form */
  constructor(grid, form) {
    this.#grid = grid;
    this.#form = form;
    this.#connect();
    this.update();
  }

  get cards() {
    return [...this.#grid.querySelectorAll(":scope > .card")];
  }

  /** @returns {string[]} the ids of the selected videos, in the order of the page */
  get ids() {
    return this.cards.filter((card) => box(card)?.checked).map((card) => card.dataset.video);
  }

  /** Whether all videos of the filter are meant, also those that are not on the page. */
  get isAll() {
    return this.#all.checked;
  }

  /** @returns {number} of videos that are selected */
  get count() {
    return this.isAll ? (this.#total ?? this.cards.length) : this.ids.length;
  }

  clear() {
    this.#mode.setAttribute("aria-pressed", "false");
    this.#all.checked = false;
    this.#choose(this.cards, false);
    this.#anchor = null;
    this.#total = null;
    this.#asked = false;
  }

  /** Shows what is selected. */
  update() {
    const active = this.isAll || this.ids.length > 0 || this.#mode.getAttribute("aria-pressed") === "true";
    this.#grid.toggleAttribute("data-selecting", active);
    this.#form.toggleAttribute("data-active", active);
    this.#form.toggleAttribute("data-empty", this.count === 0);
    this.#part("selected").textContent = t("{count} selected", { count: this.count });
    this.#mode.hidden = this.cards.length === 0;
    for (const card of this.cards) card.toggleAttribute("data-chosen", box(card)?.checked ?? false);
    if (active && !this.#asked) this.#countAll();
  }

  get #all() {
    return this.#form.elements.all;
  }

  get #mode() {
    return document.querySelector("[data-select-mode]");
  }

  #part(name) {
    return this.#form.querySelector(`[data-${name}]`);
  }

  #connect() {
    this.#grid.addEventListener("click", (event) => this.#onClick(event), { capture: true });
    this.#all.addEventListener("change", () => this.#chooseAll(this.#all.checked));
    this.#part("select-none").addEventListener("click", () => this.#leave());
    this.#mode.addEventListener("click", () => this.#switchMode());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    this.#connectLongPress();
    // Cards come with scrolling and live, and go.
    new MutationObserver(() => {
      if (this.isAll) this.#choose(this.cards, true);
      else this.update();
    }).observe(this.#grid, { childList: true });
  }

  /** @param {Element[]} cards @param {boolean} chosen */
  #choose(cards, chosen) {
    for (const card of cards) {
      const input = box(card);
      if (input) input.checked = chosen;
    }
    this.update();
  }

  #chooseAll(chosen) {
    this.#all.checked = chosen;
    this.#choose(this.cards, chosen);
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const card = event.target.closest(".card");
    const input = card && box(card);
    if (!input) return;
    if (this.#pressed) {
      this.#pressed = false;
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.target !== input) {
      const inside = event.target.closest(".card-menu, form, .card-failed-actions");
      const selects = event.target.closest(".card-select") || (this.#grid.hasAttribute("data-selecting") && !inside);
      if (!selects) return;
      event.preventDefault();
      event.stopPropagation();
      input.checked = !input.checked;
    }
    this.#all.checked = false;
    this.#choose(event.shiftKey ? this.#range(card) : [card], input.checked);
    this.#anchor = card;
  }

  /** @param {Element} card @returns {Element[]} the cards from the one clicked before to this one */
  #range(card) {
    const { cards } = this;
    if (!this.#anchor?.isConnected) return [card];
    const [from, to] = [cards.indexOf(this.#anchor), cards.indexOf(card)].sort((a, b) => a - b);
    return cards.slice(from, to + 1);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (isTyping(event.target) && event.target.type !== "checkbox") return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "a" && (event.ctrlKey || event.metaKey) && !event.shiftKey && this.cards.length) {
      event.preventDefault();
      this.#choose(this.cards, true);
    } else if (event.key === "Escape" && this.#form.hasAttribute("data-active") && !document.querySelector("details[data-menu][open]")) {
      this.#leave();
    } else if (event.key === "Delete" && this.count > 0) {
      this.#form.requestSubmit(this.#form.querySelector("button[value=delete]"));
    }
  }

  #leave() {
    this.clear();
    this.#mode.focus();
  }

  #switchMode() {
    const on = this.#mode.getAttribute("aria-pressed") !== "true";
    this.#mode.setAttribute("aria-pressed", String(on));
    if (on) this.update();
    else this.clear();
  }

  #connectLongPress() {
    let timer = 0;
    let from = { x: 0, y: 0 };
    const stop = () => clearTimeout(timer);
    this.#grid.addEventListener("pointerdown", (event) => {
      const card = event.target.closest(".card");
      stop();
      this.#pressed = false;
      if (event.pointerType !== "touch" || !card || event.target.closest(".card-menu, .card-select, form")) return;
      from = { x: event.clientX, y: event.clientY };
      timer = setTimeout(() => this.#longPress(card), LONG_PRESS_MS);
    });
    this.#grid.addEventListener("pointermove", (event) => {
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > MOVED_PX) stop();
    });
    for (const end of ["pointerup", "pointercancel"]) this.#grid.addEventListener(end, stop);
    // The browser's own menu of a link would open at the same time.
    this.#grid.addEventListener("contextmenu", (event) => {
      if (event.pointerType === "touch" && this.#grid.hasAttribute("data-selecting")) event.preventDefault();
    });
  }

  #longPress(card) {
    this.#anchor = card;
    this.#choose([card], true);
    navigator.vibrate?.(10);
    this.#pressed = true;
  }

  /** Asks once how many videos the filter finds, and shows it. */
  async #countAll() {
    this.#asked = true;
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(JSON.parse(this.#form.dataset.filter))) {
      for (const each of [value].flat()) params.append(name, each);
    }
    const answer = await fetch(`/api/v1/videos/bulk?${params}`).catch(() => null);
    if (!answer?.ok) return;
    const { count, more } = await answer.json();
    this.#total = count;
    const shownCount = { count: `${shown(count)}${more ? "+" : ""}` };
    this.#part("all").textContent = "narrows" in this.#form.dataset ? t("All {count} that match", shownCount) : t("All {count} videos", shownCount);
    this.update();
  }
}

/** @param {Element} card @returns {HTMLInputElement | null} */
function box(card) {
  return card.querySelector(".card-select input");
}

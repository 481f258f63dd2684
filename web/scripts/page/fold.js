/** Folds a long text to its first lines, with a button that unfolds it. */
export function connectFold() {
  for (const section of document.querySelectorAll("[data-fold]")) {
    const text = section.querySelector(".description-text");
    const button = section.querySelector("[data-fold-button]");
    section.dataset.folded = "";
    if (text.scrollHeight <= text.clientHeight + 1) {
      delete section.dataset.folded;
      continue;
    }
    button.hidden = false;
    button.addEventListener("click", () => {
      const isFolded = section.toggleAttribute("data-folded");
      button.setAttribute("aria-expanded", String(!isFolded));
      button.textContent = isFolded ? button.dataset.more : button.dataset.less;
    });
  }
}

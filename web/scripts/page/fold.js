/** Folds a long text to its first lines, and what follows it entirely, with a button that unfolds both. */
export function connectFold() {
  for (const section of document.querySelectorAll("[data-fold]")) {
    const text = section.querySelector(".description-text");
    const button = section.querySelector("[data-fold-button]");
    const isWhole = !text || text.scrollHeight <= text.clientHeight + 1;
    if (isWhole && !section.querySelector(".description-more")) {
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

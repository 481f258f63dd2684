/**
 * Links marked `data-dialog` show the marked part of their page in a dialog; without script, or when the page cannot
 * be fetched, they are plain links.
 */

/** @param {string} href @returns {Promise<Element | null>} the part of that page marked `data-dialog-content` */
async function fetchContent(href) {
  const answer = await fetch(href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[data-dialog-content]");
}

/** @param {Element} content @returns {HTMLDialogElement} */
function show(content) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  const heading = content.querySelector("h1, h2");
  if (heading) {
    heading.id = "dialog-title";
    dialog.setAttribute("aria-labelledby", heading.id);
  }
  dialog.append(...content.childNodes);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  window.htmx?.process(dialog); // bundled once, in the script of every page
  dialog.showModal();
  return dialog;
}

/**
 * Asks for confirmation before an irreversible action.
 *
 * @param {{ title: string, text: string, keep: string, act: string }} words heading, explanation, and the two buttons
 * @returns {Promise<boolean>} whether it is confirmed
 */
export function confirmed({ title, text, keep, act }) {
  const content = document.createElement("section");
  const add = (parent, name, properties) => parent.appendChild(Object.assign(document.createElement(name), properties));
  add(content, "h1", { textContent: title });
  add(content, "p", { textContent: text });
  const form = add(content, "form", { method: "dialog", className: "actions" });
  add(form, "button", { className: "button button-quiet", value: "", textContent: keep });
  add(form, "button", { className: "button button-danger", value: "yes", textContent: act });
  const dialog = show(content);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** @param {HTMLAnchorElement} link */
async function open(link) {
  try {
    const content = await fetchContent(link.href);
    if (content) {
      link.closest("dialog")?.close();
      show(document.adoptNode(content));
      return;
    }
  } catch {
    // The plain page shows the error.
  }
  location.assign(link.href);
}

/** @param {MouseEvent} event */
function onClick(event) {
  const { target } = event;
  if (!(target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  const dialog = target.closest("dialog");
  if (dialog && (target === dialog || target.closest("[data-dialog-close]"))) {
    event.preventDefault();
    dialog.close();
    return;
  }
  const link = target.closest("a[data-dialog]");
  if (!link) return;
  event.preventDefault();
  open(link);
}

export function connectDialogs() {
  document.addEventListener("click", onClick);
}

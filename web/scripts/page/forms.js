/** Forms: selects that submit, clean query strings, no double submission, "/" focuses the search field. */

/** @param {EventTarget | null} target @returns {boolean} whether the focused element takes key input */
export function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}

/** @param {FormDataEvent} event leaves empty fields of a GET form out of the URL */
function dropEmpty(event) {
  if (event.target.method !== "get") return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
}

/** @param {SubmitEvent} event */
function onSubmit(event) {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent !== undefined) return event.preventDefault();
  form.dataset.sent = "";
  event.submitter?.setAttribute("aria-busy", "true");
}

/** The back button may restore a page from the cache: its forms can be submitted again. */
function wake() {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
}

export function connectForms() {
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("select[data-submit], input[data-submit]")) event.target.form.requestSubmit();
  });
  document.addEventListener("formdata", dropEmpty);
  document.addEventListener("submit", onSubmit);
  window.addEventListener("pageshow", wake);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    event.preventDefault();
    document.querySelector("[data-search]")?.focus();
  });
}

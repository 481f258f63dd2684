/** Small courtesies of forms: selects that submit, clean query strings, no double posts, "/" to search. */

/** @param {EventTarget | null} target @returns {boolean} whether keys belong to what is focused */
export function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** @param {FormDataEvent} event empty fields of a GET form make noisy addresses */
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

/** The back button may bring a page back as it was left: its forms can be sent again. */
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

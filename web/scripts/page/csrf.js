/** @returns {string} the token that every unsafe request carries in `X-CSRF-Token` */
export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";
}

/** A short notice at the bottom of the page, announced by screen readers, removed after some seconds. */
const SHOWN_MS = 5000;
/** With a button, one needs time to reach it; it stays while it has the focus or the pointer. */
const SHOWN_WITH_BUTTON_MS = 12_000;

/** @param {string} text @param {{ label: string, act: () => void }} [button] */
export function toast(text, button) {
  const place = document.getElementById("toasts");
  if (!place || !text) return;
  if (place.lastElementChild?.textContent === text) return;
  const notice = document.createElement("p");
  notice.className = "toast";
  notice.textContent = text;
  if (button) notice.append(makeButton(button, notice));
  place.append(notice);
  const leave = () => (notice.matches(":hover, :focus-within") ? setTimeout(leave, SHOWN_MS) : notice.remove());
  setTimeout(leave, button ? SHOWN_WITH_BUTTON_MS : SHOWN_MS);
}

function makeButton({ label, act }, notice) {
  const made = Object.assign(document.createElement("button"), { className: "toast-button", type: "button", textContent: label });
  made.addEventListener("click", () => {
    notice.remove();
    act();
  });
  return made;
}

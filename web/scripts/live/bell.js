/** The bell while a page is open: the number of unread notices, the open panel, and the newest as a toast. */
import htmx from "htmx.org";
import { csrfToken } from "../page/csrf.js";
import { notify } from "../page/notifications.js";
import { t } from "../page/texts.js";
import { toast } from "../page/toast.js";
import { Feed } from "./feed.js";
import { refreshParts } from "./parts.js";

/** The last notice that was shown by a toast or a notification, in any tab. */
const SHOWN = "streamtime-notice-shown";

/** @param {Element} bell @param {number} unread */
function show(bell, unread) {
  const count = bell.querySelector(".bell-count");
  count.hidden = !unread;
  count.textContent = unread < 100 ? String(unread) : "99+";
  const label = unread ? t("Notices, {count} unread", { count: unread }) : t("Notices");
  bell.querySelector("summary").setAttribute("aria-label", label);
}

/** @param {{ id: string, text: string, page: string }} notice */
function tell(notice) {
  if (localStorage.getItem(SHOWN) === notice.id) return;
  localStorage.setItem(SHOWN, notice.id);
  if (document.hidden) notify(notice);
  else if (location.pathname !== notice.page) toast(notice.text, { label: t("Open"), act: () => location.assign(notice.page) });
}

/** A followed link marks its notice as read. @param {MouseEvent} event */
function onClick(event) {
  const id = event.target.closest?.("[data-notice]")?.dataset.notice;
  if (!id) return;
  fetch(`/api/v1/me/notices/${encodeURIComponent(id)}/read`, { method: "POST", keepalive: true, headers: { "X-CSRF-Token": csrfToken() } });
}

export function connectBell() {
  document.addEventListener("click", onClick);
  const bell = document.querySelector("[data-bell]");
  if (!bell) return;
  const feed = new Feed("notices");
  /** @type {number | null} */
  let before = null;
  feed.addEventListener("notices", (event) => {
    const { unread, newest } = JSON.parse(event.data);
    show(bell, unread);
    if (bell.open) htmx.trigger(bell.querySelector(".bell-panel"), "refresh");
    if (before !== null && before !== unread) refreshParts();
    if (before !== null && unread > before && newest && event.leads) tell(newest);
    before = unread;
  });
}

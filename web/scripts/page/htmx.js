/**
 * Sets up htmx: the CSRF header on its requests, messages for failures, and the event stream of all tabs.
 */
import htmx from "htmx.org";
import "./htmx-global.js";
import "htmx-ext-sse";
import { Feed } from "../live/feed.js";
import { csrfToken } from "./csrf.js";
import { toast } from "./toast.js";
import { t } from "./texts.js";

// The SSE extension asks htmx for its event sources; `sse-connect` is a topic.
htmx.createEventSource = (topic) => new Feed(topic);

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = csrfToken();
});

document.addEventListener("htmx:sendError", () => toast(t("The server cannot be reached. Trying again.")));

document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  toast(problemDetail(xhr.responseText) ?? `${xhr.status} ${xhr.statusText}`);
});

// What an answer says about a change (its header HX-Trigger), and whether a video was marked as watched.
document.addEventListener("toast", (event) => toast(event.detail.value));
document.addEventListener("watched", (event) => {
  const still = event.target.closest(".card")?.querySelector(".still");
  still?.querySelectorAll(".watched, .badge-start").forEach((mark) => mark.remove());
  if (still && event.detail.value === "yes") {
    still.append(Object.assign(document.createElement("progress"), { className: "watched", max: 100, value: 100, ariaLabel: t("Watched") }));
  }
});

/** @param {string} body @returns {string | undefined} the detail of a problem document, if it is one */
function problemDetail(body) {
  try {
    const problem = JSON.parse(body);
    return problem.detail ?? problem.title;
  } catch {
    return undefined;
  }
}

/** Preferences of the signed-in account, which hold on all of its devices. */
import { csrfToken } from "./csrf.js";
import { toast } from "./toast.js";
import { t } from "./texts.js";

/** @param {Record<string, string>} changes as in PATCH /api/v1/me/preferences */
export async function savePreferences(changes) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() };
  const request = { method: "PATCH", headers, body: JSON.stringify(changes), keepalive: true };
  const answer = await fetch("/api/v1/me/preferences", request).catch(() => null);
  if (answer?.ok) return;
  const problem = await answer?.json().catch(() => null);
  toast(problem?.detail ?? t("The server cannot be reached. Trying again."));
}

/** The owner's button that makes the current frame the poster. */
import { csrfToken } from "../page/csrf.js";
import { toast } from "../page/toast.js";
import { t } from "../page/texts.js";

/** @param {import("./player.js").Player} player */
export function connectPosterChoice(player) {
  const button = document.querySelector("[data-use-picture]");
  button?.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await fetch(`/api/v1/videos/${encodeURIComponent(player.root.dataset.video)}`, {
        method: "PATCH",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() },
        body: JSON.stringify({ poster_ms: Math.floor(player.video.currentTime * 1000) }),
      });
      toast(answer.ok ? t("This frame becomes the poster") : (await answer.json()).detail);
    } catch {
      toast(t("The server cannot be reached. Trying again."));
    } finally {
      button.disabled = false;
    }
  });
}

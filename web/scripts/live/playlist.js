/** The page of a playlist while it is open: its title, its videos and their order, and that it is gone. */
import { t } from "../page/texts.js";
import { Feed } from "./feed.js";
import { refreshParts, sayGone } from "./parts.js";

export function connectLivePlaylist() {
  const page = document.querySelector("[data-live-playlist]");
  if (!page) return;
  const feed = new Feed(`playlist:${page.dataset.livePlaylist}`);
  feed.addEventListener("playlist", refreshParts);
  feed.addEventListener("reopened", refreshParts);
  feed.addEventListener("gone", () => {
    feed.close();
    sayGone(t("This was deleted, or is not shared with you any more."));
  });
}

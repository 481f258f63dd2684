/** Links marked `data-seek` take the player to that second. */

/** @param {import("../player/player.js").Player} player */
export function connectSeeking(player) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-seek]");
    if (!link) return;
    event.preventDefault();
    player.seek(Number(link.dataset.seek));
    player.video.play().catch(() => {});
    player.root.scrollIntoView({ block: "nearest" });
  });
}

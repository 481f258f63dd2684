/** Marks the current chapter in the strip below the player, and keeps it in view unless the strip is in use. */

/** @param {import("./element.js").StreamtimeVideo} video */
export function connectChapters(video) {
  const strip = document.querySelector(".chapters > ol");
  if (!strip) return;
  const links = [...strip.querySelectorAll("[data-seek]")];
  let marked = null;
  const mark = () => {
    const current = links.findLast((link) => Number(link.dataset.seek) <= video.currentTime) ?? null;
    if (current === marked) return;
    marked?.removeAttribute("aria-current");
    current?.setAttribute("aria-current", "true");
    marked = current;
    if (!current || strip.matches(":hover, :focus-within")) return;
    const { left, width } = current.getBoundingClientRect();
    const box = strip.getBoundingClientRect();
    strip.scrollTo({ left: strip.scrollLeft + left - box.left - (box.width - width) / 2 });
  };
  video.addEventListener("timeupdate", mark);
  video.addEventListener("seeking", mark);
  video.addEventListener("loadeddata", mark);
}

/**
 * What keyboards, headsets, lock screens and notifications show and control: title, person, poster, position, and the
 * keys for playing and seeking. Those for the next and the previous video are in up-next.js.
 */
const SEEK_S = 10;

/** @param {import("./player.js").Player} player @returns {MediaMetadata} */
function describe({ video }) {
  const poster = video.getAttribute("poster");
  return new MediaMetadata({
    title: document.querySelector("h1")?.textContent.trim() || document.title,
    artist: document.querySelector(".watch .person strong")?.textContent ?? "",
    artwork: poster ? [{ src: new URL(poster, location.href).href }] : [],
  });
}

/** @param {import("./player.js").Player} player */
export function connectMediaSession(player) {
  const { mediaSession: session } = navigator;
  if (!session) return;
  const { video } = player;
  const actions = {
    play: () => video.play().catch(() => {}),
    pause: () => video.pause(),
    stop: () => video.pause(),
    seekbackward: ({ seekOffset }) => player.skip(-(seekOffset ?? SEEK_S)),
    seekforward: ({ seekOffset }) => player.skip(seekOffset ?? SEEK_S),
    seekto: ({ seekTime }) => player.seek(seekTime),
  };
  for (const [action, act] of Object.entries(actions)) {
    try {
      session.setActionHandler(action, act);
    } catch {
      // This browser does not know the action.
    }
  }
  const place = () => {
    const { duration, currentTime, playbackRate } = video;
    if (!(duration > 0) || !Number.isFinite(duration)) return;
    session.setPositionState?.({ duration, position: Math.min(currentTime, duration), playbackRate });
  };
  for (const name of ["durationchange", "playing", "seeked", "ratechange"]) video.addEventListener(name, place);
  video.addEventListener("play", () => {
    session.metadata = describe(player);
    session.playbackState = "playing";
  });
  video.addEventListener("pause", () => {
    session.playbackState = "paused";
    place();
  });
}

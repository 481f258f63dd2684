"""What people do on our pages, step by step, and how a test looks at what came of it. It asserts nothing by itself."""

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from playwright.sync_api import Locator, Page, expect

from tests.people import Person
from tests.server import wait_until

SETTLED_WITHIN_MS = 180_000
"""Small clips are prepared in a second or two; the machine may have much else to do."""

_DROP = """async ([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type: "video/mp4" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}"""
_BRIGHTNESS = """(video) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 36];
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0, 64, 36);
  const { data } = pen.getImageData(0, 0, 64, 36);
  let light = 0;
  for (let at = 0; at < data.length; at += 4) light += (data[at] + data[at + 1] + data[at + 2]) / 3;
  return light / (data.length / 4);
}"""


def upload_and_wait(person: Person, path: Path, **facts: str) -> str:
    """Upload a file without a browser, and wait until it is ready; the video's id."""
    video = person.send(path.read_bytes(), filename=path.name, **facts)
    wait_state(person, video, "ready")
    return video


def wait_state(person: Person, video: str, *states: str) -> None:
    """Wait until the video is in one of these states."""
    wait_until(lambda: person.look(video)["state"] in states, f"{video} {states}", within_s=SETTLED_WITHIN_MS / 1000)


def choose_files(page: Page, files: Path | Sequence[Path]) -> None:
    """Choose files with the upload page's button."""
    page.locator("#files").set_input_files(files)


def drag_and_drop(page: Page, path: Path) -> None:
    """Drag a file onto the page and let go."""
    page.evaluate(_DROP, [path.name, base64.b64encode(path.read_bytes()).decode()])


def upload_row(page: Page, name: str) -> Locator:
    """The upload row of a file."""
    return page.locator(".upload").filter(has=page.locator("[data-file]", has_text=name))


def wait_phase(upload: Locator, *phases: str, within_ms: int = SETTLED_WITHIN_MS) -> None:
    """Wait until an upload row is in one of these phases."""
    for_any = upload.and_(upload.page.locator(", ".join(f".upload[data-phase={phase}]" for phase in phases)))
    expect(for_any).to_have_count(1, timeout=within_ms)


def video_of(upload: Locator) -> str:
    """The id of the video that an upload row makes."""
    video = upload.get_attribute("data-video")
    assert video, "the row knows of no video yet"
    return video


def card(page: Page, video: str) -> Locator:
    """The card of a video in a grid."""
    return page.locator(f"#video-{video}")


def player(page: Page) -> Locator:
    return page.locator("#player")


def open_more(page: Page) -> None:
    """Open the menu "More" below the player."""
    page.locator(".watch-more > summary").click()


def play(page: Page) -> None:
    """Press the large button, and wait until the picture moves."""
    page.locator("[data-player-start]").click()
    wait_playing(page)


def wait_playing(page: Page, beyond_s: float = 0.2) -> None:
    """Wait until the video plays, or has played to its end, and has come past a time.

    On a busy machine a clip of two seconds may be over before anybody looks.
    """
    page.wait_for_function(
        "(beyond) => { const video = document.querySelector('streamtime-video');"
        " return (video.ended || !video.paused) && video.currentTime > beyond; }",
        arg=beyond_s,
    )


def current_time_s(page: Page) -> float:
    """Where the video is."""
    return cast("float", page.locator("video").evaluate("(video) => video.currentTime"))


def frame_size(page: Page) -> tuple[int, int]:
    """Width and height of the decoded picture, in pixels."""
    return cast(
        "tuple[int, int]", tuple(page.locator("video").evaluate("(video) => [video.videoWidth, video.videoHeight]"))
    )


def brightness(page: Page) -> float:
    """The mean of the picture that is shown: 0 is black, 255 is white."""
    return cast("float", page.locator("video").evaluate(_BRIGHTNESS))


@contextmanager
def preferences_saved(page: Page) -> Iterator[None]:
    """Wait at the end until the page has stored a preference of the account."""
    with page.expect_response(lambda answer: answer.url.endswith("/api/v1/me/preferences")) as saved:
        yield
    assert saved.value.ok


def choose_quality(page: Page, name: str) -> None:
    """Choose a quality by its name in the player's menu: "480p", or "Auto", beside which stands what it is just now."""
    page.locator("#player").hover()
    page.locator("media-settings-menu-button").click()
    page.locator(".menu-quality").click()
    page.get_by_role("menuitemradio", name=re.compile(f"^{name}")).click()

"""A library as a household has it, with pictures of `scenes.py`: what the README and `make screenshots` show."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.scenes import HEIGHT, WIDTH, scene
from tests.clips import run_ffmpeg
from tests.people import Person
from tests.server import Server, running_server, wait_until


@dataclass(frozen=True)
class Film:
    """A video of the library. `watched`: the share that its viewer has seen."""

    title: str
    palette: str
    minutes: float
    owner: str
    tags: tuple[str, ...] = ()
    watched: float = 0.0
    visibility: str = "public"


FILMS = (
    Film("First light over the pass", "dawn", 12.4, "ben", ("mountains", "drone")),
    Film("A week on the islands", "sea", 41.2, "ada", ("travel", "summer"), 0.4),
    Film("Harvest day", "autumn", 18.6, "chloe", ("family", "garden")),
    Film("Northern lights, all night", "aurora", 27.8, "ben", ("travel", "night sky"), 0.7),
    Film("Snow day", "snow", 6.3, "ada", ("family", "winter"), visibility="members"),
    Film("The long road south", "desert", 33.1, "dana", ("travel", "drone"), 0.2),
    Film("Into the old forest", "forest", 22.5, "ada", ("garden", "hiking")),
    Film("Sunset from the boat", "dusk", 9.2, "ada", ("summer", "sailing"), 0.85),
    Film("Under the milky way", "night", 15.7, "ada", ("night sky",), visibility="private"),
    Film("Sunday on the hill", "noon", 11.9, "ada", ("hiking", "summer")),
    Film("Rowing home", "dusk", 14.4, "ada", ("sailing",)),
    Film("Fog in the valley", "dawn", 8.8, "ada", ("mountains", "hiking")),
)
READY_WITHIN_S = 600
"""Of one film, also while other work keeps the processor busy."""

PLAYLISTS = {
    "Summer on the water": ("ada", (7, 1, 10)),
    "Mountains": ("ben", (0, 3, 11, 9)),
    "For a rainy evening": ("chloe", (6, 2, 3)),
}
DESCRIPTION = (
    "We set out before five to have the ridge to ourselves. 0:40 the first light, 3:10 the hut, 8:25 the way down.\n"
    "Filmed with two cameras and a drone; the music is our own."
)
CHAPTERS = ((0, "The night before"), (125, "First light"), (330, "The ridge"), (505, "The way down"))
"""Start in seconds, and title."""


@dataclass(frozen=True)
class Showcase:
    """A server with the library, and the ids of its videos in the order of FILMS."""

    server: Server
    viewer: Person
    videos: Sequence[str]
    playlists: Sequence[str]

    def pages(self) -> dict[str, str]:
        """The pages to show, by name."""
        return {
            "explore": "/explore",
            "watch": f"/watch/{self.videos[0]}",
            "library": "/library",
            "all videos": "/explore?sort=new",
            "search": "/search?q=hill",
            "tags": "/tags",
            "tag": "/tags/travel",
            "person": "/@ben",
            "playlists": "/playlists",
            "playlist": f"/playlists/{self.playlists[0]}",
            "status": "/admin",
            "style guide": "/admin/styleguide",
        }


@contextmanager
def open_showcase(folder: Path, browser: Browser) -> Iterator[Showcase]:
    """Start a server, and fill its library. It takes about a minute."""
    with running_server() as server:
        people = {name: server.person(name, admin=name == "ada") for name in ("ada", "ben", "chloe", "dana")}
        viewer = people["ada"]
        videos: list[str] = []
        drawing = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for number, film in reversed(list(enumerate(FILMS))):
            picture = folder / f"{number}.jpg"
            drawing.set_content(
                f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{scene(film.palette, number)}"
            )
            drawing.screenshot(path=picture, type="jpeg", quality=90)
            videos.insert(0, _add(people[film.owner], film, picture, "854:480" if number == 0 else "320:180"))
        drawing.close()
        for video, film in zip(videos, FILMS, strict=True):
            if film.watched:
                position = {"position_ms": round(film.watched * film.minutes * 60_000), "played_ms": 60_000}
                viewer.api.put(f"/api/v1/videos/{video}/position", json=position).raise_for_status()
        people["ben"].change(videos[0], description=DESCRIPTION)
        chapters = [{"start_ms": start_s * 1000, "title": title} for start_s, title in CHAPTERS]
        people["ben"].api.put(f"/api/v1/videos/{videos[0]}/chapters", json={"chapters": chapters}).raise_for_status()
        wait_until(
            lambda: viewer.look(videos[0])["urls"]["storyboard"], "pictures of the chapters", within_s=READY_WITHIN_S
        )
        lists = [_playlist(people[owner], title, [videos[at] for at in of]) for title, (owner, of) in PLAYLISTS.items()]
        yield Showcase(server, viewer, videos, lists)


def _add(owner: Person, film: Film, picture: Path, size: str) -> str:
    path = picture.with_suffix(".mp4")
    still = ("-loop", "1", "-framerate", "1", "-i", str(picture), "-t", str(film.minutes * 60))
    run_ffmpeg(*still, "-vf", f"scale={size}", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "4", str(path))
    video = owner.upload(path, title=film.title, visibility=film.visibility)
    wait_until(lambda: owner.look(video)["state"] == "ready", film.title, within_s=READY_WITHIN_S)
    owner.change(video, tags=[*film.tags])
    owner.api.put(f"/api/v1/videos/{video}/poster", content=picture.read_bytes()).raise_for_status()
    return video


def _playlist(owner: Person, title: str, videos: Sequence[str]) -> str:
    made = owner.api.post("/api/v1/playlists", json={"title": title, "visibility": "public"}).raise_for_status()
    playlist = str(made.json()["id"])
    for video in videos:
        owner.api.post(f"/api/v1/playlists/{playlist}/items", json={"video": video}).raise_for_status()
    return playlist

"""How a video comes into being: written down before its first byte, queued when its last one is there.

A first title for a video: what the file says of itself, else its name without what release groups add.

Titles that nobody wrote are left out: names of programs, of sites, of the file itself.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import insert

from streamtime.auth.access import Visibility
from streamtime.clock import Clock
from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.ids import public_id
from streamtime.videos.duplicates import DUPLICATE_PENDING, WAITING_STAGE, Duplicates
from streamtime.videos.editing import LISTED_VISIBILITIES, MAX_TITLE, clean_line
from streamtime.videos.events import Timeline, VideoEventPublisher
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.video import Video, VideoState
from streamtime.videos.videos import VideoUpdater

_SPACES = re.compile(r"[\s._]+")
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d])\.(?=[^\W\d])")
_RELEASE = re.compile(
    r"\d{3,4}[pi]|4k|uhd|[xh]\W?26[456]|hevc|xvid|divx|web-?(dl|rip)|blu-?ray|b[dr]rip|dvd-?rip|hdtv|hd-?rip|remux|"
    r"(8|10|12)bit|hdr(10\+?)?",
    re.IGNORECASE,
)
"""Words of releases that stand in no title: sizes, codecs and where it was taken from."""

_YEAR = re.compile(r"[(\[]?((?:19|20)\d\d)[)\]]?")
_GROUP = re.compile(r"^\[[^\]]*\]\s*")
_JUNK = re.compile(
    r"""untitled.*|no\ title|unknown|title|video|movie|film|clip|default|test|
        (sequence|comp|timeline|track|chapter|project|scene)\W*\d*|
        (lav[fc]|ffmpeg|handbrake|mkvmerge|gpac|isomedia|x26[45]|obs|vlc|nero|camtasia|imovie|final\ cut|core\ media|
        mainconcept|adobe|premiere|davinci|windows\ movie|microsoft|(video|sound)handler|apple\ video)([\W\d].*)?|
        dvd_?video|dcim|rarbg\b.*|downloaded\ from\b.*|encoded\ by\b.*|ripped\ by\b.*|
        [\da-f]{16,}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}""",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(r"(https?:|www\.)\S+|\S+\.(com|net|org|to|tv|io)", re.IGNORECASE)
_FILE = re.compile(
    r".*[\\/].*\.\w{2,6}|\S+\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|m2?ts|flv|wmv|prproj|mp3|m4a|wav|flac)", re.IGNORECASE
)
_LEAST_LETTERS = 2


def embedded_title(title_tag: str | None, file_name: str) -> str | None:
    """The title that a file carries, fit to store; None where it carries none that a person wrote."""
    title = clean_line(title_tag or "")[: 4 * MAX_TITLE]
    if _is_junk(title) or _bare(title) in {_bare(file_name), _bare(PurePosixPath(file_name).stem)}:
        return None
    return (_released(title) or title)[:MAX_TITLE].rstrip() or None


def title_from(name: str) -> str:
    """A title from a file's name: without its ending, dots and underscores as spaces, a release's words left out."""
    stem = PurePosixPath(name).stem
    released = _released(stem)
    if released is None and not any(letter.isspace() for letter in stem):
        stem = _BETWEEN_LETTERS.sub(" ", stem)
    return clean_line((released or stem).replace("_", " "))[:MAX_TITLE].rstrip() or "Untitled"


def _is_junk(title: str) -> bool:
    letters = sum(letter.isalpha() for letter in title)
    return letters < _LEAST_LETTERS or any(kind.fullmatch(title) for kind in (_JUNK, _ADDRESS, _FILE))


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _released(name: str) -> str | None:
    """What stands before the words of a release, its year in brackets; None where this is no release's name."""
    words = [word for word in _SPACES.split(_GROUP.sub("", name)) if word]
    end = next((place for place, word in enumerate(words) if place and _is_release(word)), None)
    if end is None:
        return None
    kept = words[:end]
    if len(kept) > 1 and (year := _YEAR.fullmatch(kept[-1])):
        kept[-1] = f"({year[1]})"
    while len(kept) > 1 and not any(letter.isalnum() for letter in kept[-1]):
        kept.pop()
    return " ".join(kept)


def _is_release(word: str) -> bool:
    whole, first = word.strip("[](){}-"), word.split("-", maxsplit=1)[0].strip("[](){}")
    return any(_RELEASE.fullmatch(one) for one in (whole, first))


@dataclass(frozen=True, slots=True)
class NewVideo:
    """What is known of a video before its first byte has arrived."""

    owner_id: int
    title: str
    visibility: Visibility
    source_name: str
    title_chosen: bool = True
    """Whether a person chose the title; else what the file says of itself takes its place."""
    guest_name: str | None = None
    """What somebody without an account who sends it calls themselves."""


class VideoIngest:
    """Takes new videos in."""

    def __init__(
        self,
        work_queue: WorkQueue,
        updater: VideoUpdater,
        timeline: Timeline,
        duplicates: Duplicates,
        publisher: VideoEventPublisher,
        clock: Clock,
    ) -> None:
        self._work_queue = work_queue
        self._updater = updater
        self._timeline = timeline
        self._duplicates = duplicates
        self._publisher = publisher
        self._clock = clock

    async def create(self, tx: Transaction, new: NewVideo) -> tuple[int, str]:
        """Write down a video whose bytes are still to come; its row id, and the key for its source."""
        name, prefix = public_id(), f"videos/{public_id()}/"
        now = self._clock.now_ms()
        statement = insert(videos).values(
            public_id=name,
            owner_id=new.owner_id,
            title=new.title,
            title_folded=new.title.casefold(),
            title_chosen=new.title_chosen,
            state=VideoState.UPLOADING.value,
            stage="Uploading",
            visibility=new.visibility.value,
            storage_prefix=prefix,
            source_name=new.source_name,
            guest_name=new.guest_name,
            created_at_ms=now,
            published_at_ms=now if new.visibility in LISTED_VISIBILITIES else None,
        )
        video_id: int = (await tx.execute(statement.returning(videos.c.id))).scalar_one()
        await self._timeline.add(tx, video_id, "created", f"Upload of {new.source_name} begun.")
        self._publisher.publish_created_on_commit(tx, video_id, name, new.owner_id)
        return video_id, f"{prefix}source"

    async def complete(
        self, tx: Transaction, video: Video, source_object_id: int, *, ask_about_duplicate: bool
    ) -> None:
        """All bytes are here: queue the work. With `ask`, a file that its owner has already waits for an answer."""
        await self._updater.update(
            tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, source_object_id=source_object_id
        )
        await self._timeline.add(tx, video.id, "arrived", "The upload is complete.")
        await self._work_queue.finalize(tx, video, source_object_id)
        twin = await self._duplicates.find_exact(tx, video)
        if twin is not None:
            words = f"The same bytes are there already, as “{twin.title}”."
            await self._timeline.add(tx, video.id, "duplicate", words, video=twin.public_id)
        if twin is not None and ask_about_duplicate:
            await self._updater.update(tx, video, stage=WAITING_STAGE, duplicate=DUPLICATE_PENDING)
            return
        await self._work_queue.prepare(tx, video)

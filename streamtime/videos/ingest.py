"""Create videos for uploads, queue them when the upload completes, and derive their titles.

The title comes from the file's metadata, or else from the file name without the tags of release groups. Metadata
titles that no person wrote (names of programs, sites or files) are ignored.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import insert

from streamtime.auth.access import Visibility
from streamtime.clock import Clock
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Transaction
from streamtime.ids import public_id
from streamtime.videos.duplicates import DUPLICATE_PENDING, WAITING_STAGE, Duplicates
from streamtime.videos.editing import LISTED_VISIBILITIES, MAX_TITLE, clean_line
from streamtime.videos.events import Timeline, VideoEventPublisher
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.versions import VersionKind, create_version
from streamtime.videos.video import Video, VideoState

_SPACES = re.compile(r"[\s._]+")
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d])\.(?=[^\W\d])")
_RELEASE = re.compile(
    r"\d{3,4}[pi]|4k|uhd|[xh]\W?26[456]|hevc|xvid|divx|web-?(dl|rip)|blu-?ray|b[dr]rip|dvd-?rip|hdtv|hd-?rip|remux|"
    r"(8|10|12)bit|hdr(10\+?)?",
    re.IGNORECASE,
)
"""Release tags that are no part of a title: sizes, codecs and sources."""

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
_MIN_LETTERS = 2


def embedded_title(title_tag: str | None, file_name: str) -> str | None:
    """Return the title in a file's metadata; None if there is none that a person wrote."""
    title = clean_line(title_tag or "")[: 4 * MAX_TITLE]
    if _is_junk(title) or _alphanumeric(title) in {
        _alphanumeric(file_name),
        _alphanumeric(PurePosixPath(file_name).stem),
    }:
        return None
    return (_without_release_tags(title) or title)[:MAX_TITLE].rstrip() or None


def title_from(name: str) -> str:
    """Return a title from a file name: no extension, spaces for dots and underscores, no release tags."""
    stem = PurePosixPath(name).stem
    title = _without_release_tags(stem)
    if title is None and not any(letter.isspace() for letter in stem):
        stem = _BETWEEN_LETTERS.sub(" ", stem)
    return clean_line((title or stem).replace("_", " "))[:MAX_TITLE].rstrip() or "Untitled"


def _is_junk(title: str) -> bool:
    letters = sum(letter.isalpha() for letter in title)
    return letters < _MIN_LETTERS or any(kind.fullmatch(title) for kind in (_JUNK, _ADDRESS, _FILE))


def _alphanumeric(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _without_release_tags(name: str) -> str | None:
    """Return the words before the first release tag, a year in brackets; None if there is no release tag."""
    words = [word for word in _SPACES.split(_GROUP.sub("", name)) if word]
    end = next((position for position, word in enumerate(words) if position and _is_release_tag(word)), None)
    if end is None:
        return None
    title = words[:end]
    if len(title) > 1 and (year := _YEAR.fullmatch(title[-1])):
        title[-1] = f"({year[1]})"
    while len(title) > 1 and not any(letter.isalnum() for letter in title[-1]):
        title.pop()
    return " ".join(title)


def _is_release_tag(word: str) -> bool:
    whole, first = word.strip("[](){}-"), word.split("-", maxsplit=1)[0].strip("[](){}")
    return any(_RELEASE.fullmatch(part) for part in (whole, first))


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video to create for an upload."""

    owner_id: int
    title: str
    visibility: Visibility
    source_name: str
    title_chosen: bool = True
    """Whether a person chose the title; else a title in the file's metadata replaces it."""
    replaces: Video | None = None
    """The video whose file it replaces; then it becomes a hidden version of it."""
    guest_name: str | None = None
    """The name that a guest entered for an upload without an account."""


class VideoIngest:
    """Creates videos and queues them when their upload completes."""

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
        """Insert a video before its upload. Returns its row id and the object key of its source.

        Raises:
            Conflict: it replaces the file of a video that is being processed.
        """
        if new.replaces is not None:
            values = {"state": VideoState.UPLOADING.value, "stage": "Uploading", "source_name": new.source_name}
            return await create_version(
                tx, new.replaces, VersionKind.REPLACED, self._clock.now_ms(), rotation=0, wanted_rungs="", **values
            )
        video_public_id, prefix = public_id(), f"videos/{public_id()}/"
        now = self._clock.now_ms()
        statement = insert(videos).values(
            public_id=video_public_id,
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
        await self._timeline.add(tx, video_id, "created", f"Upload of {new.source_name} started.")
        self._publisher.publish_created_on_commit(tx, video_id, video_public_id, new.owner_id)
        return video_id, f"{prefix}source"

    async def complete(
        self, tx: Transaction, video: Video, source_object_id: int, *, ask_about_duplicate: bool
    ) -> None:
        """Queue a video whose upload is complete. With `ask_about_duplicate`, a duplicate waits for its owner."""
        await self._updater.update(
            tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, source_object_id=source_object_id
        )
        await self._timeline.add(tx, video.id, "arrived", "The upload is complete.")
        await self._work_queue.finalize(tx, video, source_object_id)
        duplicate = None if video.version_of else await self._duplicates.find_exact(tx, video)
        if duplicate is not None:
            message = f"The same file exists already, as “{duplicate.title}”."
            await self._timeline.add(tx, video.id, "duplicate", message, video=duplicate.public_id)
        if duplicate is not None and ask_about_duplicate:
            await self._updater.update(tx, video, stage=WAITING_STAGE, duplicate=DUPLICATE_PENDING)
            return
        await self._work_queue.prepare(tx, video)

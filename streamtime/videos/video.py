"""A video as a value, as read from its row. It knows no query and no rule."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import VideoAccessFacts, Visibility
from streamtime.ids import public_id
from streamtime.videos.renditions import StillsFacts
from streamtime.workers.protocol import PERMANENT_FAILURE_CODES


class VideoState(StrEnum):
    """Where a video is on its way. Whether it can be watched already is `playable`."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    TRASHED = "binned"
    """In no row, which keeps the state to come back to: what a deleted one is called while it can be restored."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video."""

    id: int
    public_id: str
    owner_id: int
    owner_name: str
    owner_shown_name: str
    """What others read."""
    owner_public_id: str
    owner_picture_version: int
    """0 without a picture."""
    title: str
    description: str
    tags: tuple[str, ...]
    state: VideoState
    playable: bool
    visibility: Visibility
    embeddable: bool
    """Whether its owner lets other sites show it in a frame."""
    guest_name: str | None
    """What somebody without an account who sent it called themselves."""
    access_generation: int
    progress: float
    stage: str
    failure_code: str | None
    failure_message: str | None
    storage_prefix: str
    source_name: str
    source_facts: bytes | None
    wanted_rungs: tuple[str, ...]
    """Rungs that its owner asked for by name: they are made even where they save little."""
    source_object_id: int | None
    poster_object_id: int | None
    poster_version: int
    poster_ms: int | None
    """The moment its owner chose for the poster; None where the poster was chosen by itself."""
    stills: StillsFacts | None
    stills_version: int
    duration_ms: int | None
    damaged_after_ms: int | None
    """How far the original could be read, where it breaks off."""
    width: int | None
    height: int | None
    created_at_ms: int
    published_at_ms: int | None
    deleted_at_ms: int | None
    duplicate: str | None
    """What is to become of a file that its owner has already: see `duplicates.py`."""

    @property
    def display_state(self) -> VideoState:
        """The state as people are told it."""
        return self.state if self.deleted_at_ms is None else VideoState.TRASHED

    @property
    def is_unrecoverable(self) -> bool:
        """Whether it failed for what its file is, so that trying again changes nothing, and nothing of it plays."""
        return self.state is VideoState.FAILED and not self.playable and self.failure_code in PERMANENT_FAILURE_CODES

    @property
    def facts(self) -> VideoAccessFacts:
        """What the rules of access need to know."""
        return VideoAccessFacts(self.public_id, self.owner_id, self.visibility, deleted=self.deleted_at_ms is not None)

    def new_key(self, ending: str) -> str:
        """A key for one more object of this video: never used before, and telling nothing."""
        return f"{self.storage_prefix}{public_id()}{ending}"

    @property
    def subject(self) -> str:
        """The name that jobs know this video by."""
        return subject_of(self.id)


def subject_of(video_id: int) -> str:
    """The name that jobs know a video by."""
    return f"video:{video_id}"


def video_id_of(subject: str) -> int:
    """The video that a job's subject names."""
    return int(subject.removeprefix("video:"))


def video_from_row(row: RowMapping, tags: tuple[str, ...]) -> Video:
    """A row of `videos` joined with its owner's name, as a value."""
    return Video(
        id=row["id"],
        public_id=row["public_id"],
        owner_id=row["owner_id"],
        owner_name=row["owner_name"],
        owner_shown_name=row["owner_display_name"] or row["owner_name"],
        owner_public_id=row["owner_public_id"],
        owner_picture_version=row["owner_picture_version"],
        title=row["title"],
        description=row["description"],
        tags=tags,
        state=VideoState(row["state"]),
        playable=bool(row["playable"]),
        visibility=Visibility(row["visibility"]),
        embeddable=bool(row["embeddable"]),
        guest_name=row["guest_name"],
        access_generation=row["access_generation"],
        progress=row["progress"],
        stage=row["stage"],
        failure_code=row["failure_code"],
        failure_message=row["failure_message"],
        storage_prefix=row["storage_prefix"],
        source_name=row["source_name"],
        source_facts=row["source_facts"],
        wanted_rungs=tuple(row["wanted_rungs"].split()),
        source_object_id=row["source_object_id"],
        poster_object_id=row["poster_object_id"],
        poster_version=row["poster_version"],
        poster_ms=row["poster_ms"],
        stills=msgspec.msgpack.decode(row["stills"], type=StillsFacts) if row["stills"] else None,
        stills_version=row["stills_version"],
        duration_ms=row["duration_ms"],
        damaged_after_ms=row["damaged_after_ms"],
        width=row["width"],
        height=row["height"],
        created_at_ms=row["created_at_ms"],
        published_at_ms=row["published_at_ms"],
        deleted_at_ms=row["deleted_at_ms"],
        duplicate=row["duplicate"],
    )

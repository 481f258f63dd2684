"""How a video comes into being: written down before its first byte, queued when its last one is there."""

from dataclasses import dataclass

from sqlalchemy import insert

from streamtime.access.rules import Visibility
from streamtime.clock import Clock
from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.ids import public_id
from streamtime.library.changes import VideoUpdater
from streamtime.library.duplicates import DUPLICATE_PENDING, WAITING_STAGE, Duplicates
from streamtime.library.editing import LISTED_VISIBILITIES
from streamtime.library.news import VideoEventPublisher
from streamtime.library.timeline import Timeline
from streamtime.library.video import Video, VideoState
from streamtime.library.work import WorkQueue


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

"""Edit videos: title, description, tags, visibility, recording date and poster."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Visibility
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.tables.videos import video_tags, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid
from streamtime.translation import gettext, number_text
from streamtime.videos.announcements import Announcements
from streamtime.videos.events import VideoEventPublisher
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.recording_date import chosen_date, recorded_columns
from streamtime.videos.video import Video, require_not_deleted, subject_of


class PosterChoice:
    """Saves the moment that an owner chose for the poster, and queues the job that makes it."""

    def __init__(self, work_queue: WorkQueue) -> None:
        self._work_queue = work_queue

    async def choose(self, tx: Transaction, row: RowMapping, at_ms: int) -> None:
        """Choose the frame at `at_ms` as the poster of the video in `row`.

        Raises:
            Invalid: the video is shorter.
            Conflict: the video was not probed yet, or has no frames to choose from.
        """
        if row["source_facts"] is None or (row["source_object_id"] is None and not row["playable"]):
            raise Conflict("A poster can be chosen once the video has been examined.")
        if at_ms < 0 or at_ms > (row["duration_ms"] or at_ms):
            raise Invalid("The poster has to be a moment of the video.", field="poster_ms")
        await tx.execute(update(videos).where(videos.c.id == row["id"]).values(poster_ms=at_ms))
        await self._work_queue.poster(tx, subject_of(row["id"]))


MAX_TITLE = 200
MAX_DESCRIPTION = 10_000
MAX_TAGS = 30
MAX_TAG = 50

LISTED_VISIBILITIES = frozenset({Visibility.MEMBERS, Visibility.PUBLIC})
"""Visibilities with which a video is listed on the Explore page of other users."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and bidirectional formatting characters that can make one title look like another."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes to a video; None leaves a field unchanged."""

    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    visibility: Visibility | None = None
    poster_ms: int | None = None
    embeddable: bool | None = None
    recorded: str | None = None
    """A day or a time in ISO 8601 format; an empty text removes the date."""


class Editor:
    """Applies edits to videos."""

    def __init__(
        self,
        database: Database,
        posters: PosterChoice,
        publisher: VideoEventPublisher,
        announcements: Announcements,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._announcements = announcements
        self._posters = posters
        self._publisher = publisher
        self._audit = audit
        self._clock = clock

    async def apply(self, video: Video, edit: Edit, by: Actor) -> None:
        """Apply an edit in one transaction.

        Raises:
            Invalid: a text is empty or too long, `poster_ms` is outside the video, or `recorded` is no date.
            Conflict: no frame can be chosen as the poster yet.
            NotFound: the video was deleted meanwhile.
        """
        values = _texts(edit) | self._recorded(video, edit)
        tags = None if edit.tags is None else clean_tags(edit.tags)

        async def body(tx: Transaction) -> None:
            row = await require_not_deleted(tx, video.id)
            if values:
                await tx.execute(update(videos).where(videos.c.id == video.id).values(**values))
            if values.get("description", row["description"]) != row["description"]:
                await tx.bump_epoch()  # players get the chapters that it lists
            if tags is not None:
                await _replace_tags(tx, video.id, tags)
            if edit.visibility is not None:
                await self._change_visibility(tx, row, edit.visibility, by)
            if edit.poster_ms is not None and edit.poster_ms != row["poster_ms"]:
                await self._posters.choose(tx, row, edit.poster_ms)
            self._publisher.publish_on_commit(tx, video)

        await self._database.write(body)

    async def set_visibility(self, tx: Transaction, video: Video, wanted: Visibility, by: Actor) -> bool:
        """Change who may watch a video. Returns whether that is a change.

        Raises:
            NotFound: the video was deleted meanwhile.
        """
        changed = await self._change_visibility(tx, await require_not_deleted(tx, video.id), wanted, by)
        if changed:
            self._publisher.publish_on_commit(tx, video)
        return changed

    async def change_tags(
        self, tx: Transaction, video: Video, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> bool:
        """Add and remove tags, whatever their case; the others keep their order. Returns whether that is a change.

        Raises:
            Invalid: the video would have too many tags.
            NotFound: the video was deleted meanwhile.
        """
        await require_not_deleted(tx, video.id)
        query = select(video_tags.c.tag).where(video_tags.c.video_id == video.id).order_by(video_tags.c.position)
        before = tuple((await tx.execute(query)).scalars())
        known, removed = ({tag.casefold() for tag in tags} for tags in (before, remove))
        kept = [tag for tag in before if tag.casefold() not in removed]
        after = clean_tags((*kept, *(tag for tag in add if tag.casefold() not in known)))
        if after == before:
            return False
        await _replace_tags(tx, video.id, after)
        self._publisher.publish_on_commit(tx, video)
        return True

    def _recorded(self, video: Video, edit: Edit) -> dict[str, object]:
        """Return the columns of the recording date; none if it stays, since forms send the day without the time."""
        current = video.recorded
        if edit.recorded is None or edit.recorded.strip() in ({current.day, current.iso} if current else {""}):
            return {}
        return {**recorded_columns(chosen_date(edit.recorded, self._clock.now_ms())), "recorded_chosen": True}

    async def _change_visibility(self, tx: Transaction, row: RowMapping, wanted: Visibility, by: Actor) -> bool:
        if wanted.value == row["visibility"]:
            return False
        values: dict[str, object] = {"visibility": wanted.value}
        if wanted in LISTED_VISIBILITIES and row["published_at_ms"] is None:
            values["published_at_ms"] = self._clock.now_ms()
        if row["visibility"] == Visibility.PUBLIC.value:
            # Media URLs from the time when it was public stop working.
            values["access_generation"] = videos.c.access_generation + 1
        await tx.execute(update(videos).where(videos.c.id == row["id"]).values(**values))
        change = {"before": row["visibility"], "now": wanted.value}
        await self._audit.record(tx, by, AuditEvent.VISIBILITY_CHANGED, row["public_id"], title=row["title"], **change)
        await tx.bump_epoch()
        if row["visibility"] not in LISTED_VISIBILITIES:
            await self._announcements.announce(tx, row["id"])
        return True


def _texts(edit: Edit) -> dict[str, object]:
    values: dict[str, object] = {}
    if edit.title is not None:
        title = clean_title(edit.title)
        values |= {"title": title, "title_folded": title.casefold(), "title_chosen": True}
    if edit.description is not None:
        values["description"] = clean_description(edit.description)
    if edit.embeddable is not None:
        values["embeddable"] = edit.embeddable
    return values


def clean_line(text: str) -> str:
    """Return the text on one line without control characters; it may be empty."""
    return " ".join(_CONTROL.sub(" ", text).split())


def clean_title(text: str) -> str:
    """Return the title on one line without control characters.

    Raises:
        Invalid: it is empty or too long.
    """
    title = clean_line(text)
    if not 1 <= len(title) <= MAX_TITLE:
        raise Invalid(
            gettext("Give the video a title of 1 to %(most)s characters.", most=number_text(MAX_TITLE)), field="title"
        )
    return title


def clean_description(text: str) -> str:
    """Return the description without control characters except newlines.

    Raises:
        Invalid: it is too long.
    """
    description = _CONTROL.sub(" ", text.replace("\r\n", "\n")).strip()
    if len(description) > MAX_DESCRIPTION:
        raise Invalid(
            gettext("A description has at most %(most)s characters.", most=number_text(MAX_DESCRIPTION)),
            field="description",
        )
    return description


def clean_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags without empty ones and duplicates; case is ignored in comparisons.

    Raises:
        Invalid: there are too many, or one is too long.
    """
    cleaned = [clean_line(tag) for tag in tags]
    by_folded = {tag.casefold(): tag for tag in reversed(cleaned) if tag}
    unique = tuple(reversed(by_folded.values()))
    if len(unique) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in unique):
        raise Invalid(
            gettext(
                "A video has at most %(most)s tags of at most %(length)s characters.",
                most=number_text(MAX_TAGS),
                length=number_text(MAX_TAG),
            ),
            field="tags",
        )
    return unique


async def _replace_tags(tx: Transaction, video_id: int, tags: tuple[str, ...]) -> None:
    await tx.execute(delete(video_tags).where(video_tags.c.video_id == video_id))
    rows = [
        {"video_id": video_id, "tag_folded": tag.casefold(), "tag": tag, "position": position}
        for position, tag in enumerate(tags)
    ]
    await tx.execute_many(insert(video_tags), rows)

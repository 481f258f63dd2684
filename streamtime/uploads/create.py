"""Beginning an upload: whatever would stop it later is said now, before a byte is sent."""

from dataclasses import dataclass

from sqlalchemy import insert

from streamtime.access.caller import Caller
from streamtime.access.rules import Visibility
from streamtime.clock import Clock
from streamtime.database.tables import uploads
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NoSpace, TooLarge, Unauthenticated
from streamtime.ids import public_id
from streamtime.library.arrivals import Arrivals, NewVideo
from streamtime.library.deletion import Deletion
from streamtime.library.editing import clean_title
from streamtime.library.videos import Videos
from streamtime.objects.ledger import Ledger
from streamtime.storage.spool import Spool
from streamtime.uploads.metadata import file_name, parse, title_from
from streamtime.uploads.upload import Upload, UploadRows


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What is taken."""

    max_size_bytes: int
    minimum_free_bytes: int
    chunk_size_bytes: int
    default_visibility: Visibility


class UploadCreation:
    """Makes the rows and the empty file that bytes are then sent to."""

    def __init__(
        self,
        database: Database,
        rows: UploadRows,
        ledger: Ledger,
        videos: Videos,
        arrivals: Arrivals,
        deletion: Deletion,
        spool: Spool,
        clock: Clock,
        limits: UploadLimits,
    ) -> None:
        self._database = database
        self._rows = rows
        self._ledger = ledger
        self._videos = videos
        self._arrivals = arrivals
        self._deletion = deletion
        self._spool = spool
        self._clock = clock
        self.limits = limits

    async def create(self, caller: Caller, length_bytes: int, metadata: str) -> Upload:
        """Begin an upload of that length.

        Raises:
            Unauthenticated: nobody is signed in.
            Invalid: it is empty, or its metadata cannot be used.
            TooLarge: it is over the limit.
            NoSpace: the disk has no room for it.
        """
        if caller.user_id is None:
            raise Unauthenticated("Sign in to upload videos.")
        await self._check_size(length_bytes)
        new = self._new_video(caller.user_id, parse(metadata))
        upload_id, key = await self._write_down(new, length_bytes, metadata)
        upload = await self._rows.require(caller, upload_id)
        try:
            (await self._spool.create(key)).close()
        except BaseException:  # cancelled too: nobody could go on with it, since nobody heard of it
            video = await self._videos.by_id(upload.video_id)
            await self._database.write(lambda tx: self._deletion.delete(tx, video))
            raise
        return upload

    async def _check_size(self, length_bytes: int) -> None:
        if length_bytes == 0:
            raise Invalid("The file is empty.", field="Upload-Length", code="empty")
        if length_bytes > self.limits.max_size_bytes:
            raise TooLarge(f"Files of at most {self.limits.max_size_bytes:,} bytes are taken here.")
        if await self._spool.free_bytes() - length_bytes < self.limits.minimum_free_bytes:
            raise NoSpace("The server's disk has no room for this file.")

    def _new_video(self, owner_id: int, pairs: dict[str, str]) -> NewVideo:
        name = file_name(pairs.get("filename", ""))
        asked = pairs.get("visibility") or self.limits.default_visibility.value
        try:
            visibility = Visibility(asked)
        except ValueError:
            raise Invalid("The visibility is private, members, unlisted or public.", field="visibility") from None
        title = pairs.get("title", "").strip()
        return NewVideo(
            owner_id=owner_id,
            title=clean_title(title or title_from(name)),
            visibility=visibility,
            source_name=name,
        )

    async def _write_down(self, new: NewVideo, length_bytes: int, metadata: str) -> tuple[str, str]:
        upload_id = public_id()

        async def body(tx: Transaction) -> str:
            video_id, key = await self._arrivals.create(tx, new)
            object_id = await self._ledger.stage(tx, key, kind="source", owner_id=new.owner_id)
            await tx.execute(
                insert(uploads).values(
                    public_id=upload_id,
                    owner_id=new.owner_id,
                    video_id=video_id,
                    object_id=object_id,
                    length_bytes=length_bytes,
                    metadata=metadata,
                    created_at_ms=self._clock.now_ms(),
                )
            )
            return key

        return upload_id, await self._database.write(body)

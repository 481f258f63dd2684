"""Beginning an upload: whatever would stop it later is said now, before a byte is sent."""

from dataclasses import dataclass, replace

from streamtime.auth.access import Caller, Visibility
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden, Invalid, TooLarge, Unauthenticated
from streamtime.formatting import size_text
from streamtime.sharing.upload_requests import UploadRequest, reserve_file
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool
from streamtime.uploads.reserve import UploadSpace
from streamtime.uploads.upload import (
    NewUpload,
    Upload,
    UploadRepository,
    clean_client_key,
    parse_metadata,
    sanitize_file_name,
)
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.editing import clean_line, clean_title
from streamtime.videos.ingest import NewVideo, VideoIngest, title_from
from streamtime.videos.videos import Videos

MAX_GUEST_NAME = 60
"""Characters of the name that a guest gives themselves."""


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
        rows: UploadRepository,
        ledger: Ledger,
        videos: Videos,
        ingest: VideoIngest,
        deletion: VideoDeletion,
        space: UploadSpace,
        spool: Spool,
        limits: UploadLimits,
    ) -> None:
        self._database = database
        self._rows = rows
        self._ledger = ledger
        self._videos = videos
        self._ingest = ingest
        self._deletion = deletion
        self._space = space
        self._spool = spool
        self.limits = limits

    async def create(
        self,
        caller: Caller,
        length_bytes: int,
        metadata: str,
        client_key: str | None,
        *,
        drop: UploadRequest | None = None,
    ) -> Upload:
        """Begin an upload of that length; or find the one that the caller has begun under the same `client_key`.

        With `drop` it comes by that link for sending, into the library of the link's owner, whoever the caller is.

        Raises:
            Unauthenticated: nobody is signed in.
            Forbidden: the account is a viewer's.
            Invalid: it is empty, or its metadata or its key cannot be used.
            Conflict: the key is that of an upload of another length.
            TooLarge: it is over the limit.
            QuotaExceeded: its owner may not have so much.
            NoSpace: the disk has no room for it and for what others still send.
            DropFull: the link takes no more files.
            TooMany: too many uploads are open.
            Unavailable: the spool's folder is not there, or cannot be written.
        """
        owner_id = _owner_of(caller) if drop is None else drop.owner_id
        pairs = parse_metadata(metadata)
        client_key = clean_client_key(client_key or pairs.get("client_key"))
        self._check_size(length_bytes, drop)
        new = self._new_video(owner_id, pairs) if drop is None else _guest_video(drop, pairs)
        if client_key and drop is not None:
            client_key = f"drop {drop.id} {client_key}"  # a guest's keys are none of the owner's
        await self._space.require_available()  # before the database is asked: it may have gone with the folder

        drop_id = None if drop is None else drop.id

        async def body(tx: Transaction) -> tuple[str, str | None]:
            if client_key and (begun := await self._rows.by_client_key(tx, new.owner_id, client_key)):
                if begun["length_bytes"] != length_bytes:
                    raise Conflict("This key is that of an upload of another length.", code="client_key_taken")
                return begun["public_id"], None
            if drop is not None:
                await reserve_file(tx, drop)
            await self._rows.require_open_slot(tx, new.owner_id, drop_id)
            await self._space.reserve(tx, new.owner_id, length_bytes, via_upload_request=drop is not None)
            return await self._insert(tx, new, NewUpload(0, 0, 0, length_bytes, metadata, client_key, drop_id))

        upload_id, key = await self._database.write(body)
        if drop is None:
            upload = await self._rows.require(caller, upload_id)
        else:
            upload = await self._rows.by_upload_request(drop.id, upload_id)
        if key is not None:
            await self._make_file(upload, key, has_client_key=client_key is not None)
        return upload

    def _check_size(self, length_bytes: int, drop: UploadRequest | None) -> None:
        if length_bytes == 0:
            raise Invalid("The file is empty.", field="Upload-Length", code="empty")
        most = self.limits.max_size_bytes
        if drop is not None and drop.max_bytes is not None:
            most = min(most, drop.max_bytes)
        if length_bytes > most:
            words = f"This file has {size_text(length_bytes)}. Files of at most {size_text(most)} are taken here."
            raise TooLarge(words, facts={"limit": most, "needed": length_bytes})

    def _new_video(self, owner_id: int, pairs: dict[str, str]) -> NewVideo:
        name = sanitize_file_name(pairs.get("filename", ""))
        asked = pairs.get("visibility") or self.limits.default_visibility.value
        try:
            visibility = Visibility(asked)
        except ValueError:
            raise Invalid("The visibility is private, members, unlisted or public.", field="visibility") from None
        title = clean_line(pairs.get("title", ""))
        return NewVideo(
            owner_id=owner_id,
            title=clean_title(title or title_from(name)),
            visibility=visibility,
            source_name=name,
            title_chosen=bool(title),
        )

    async def _insert(self, tx: Transaction, new: NewVideo, upload: NewUpload) -> tuple[str, str]:
        video_id, key = await self._ingest.create(tx, new)
        object_id = await self._ledger.stage(tx, key, kind="source", owner_id=new.owner_id)
        known = replace(upload, owner_id=new.owner_id, video_id=video_id, object_id=object_id)
        return await self._rows.add(tx, known), key

    async def _make_file(self, upload: Upload, key: str, *, has_client_key: bool) -> None:
        try:
            (await self._spool.create(key)).close()
        except BaseException as error:  # cancelled too
            if has_client_key and isinstance(error, Conflict):
                return  # who has found it by its client's key is at it already
            # Nobody could go on with it, since nobody has heard of it.
            video = await self._videos.by_id(upload.video_id)
            await self._database.write(lambda tx: self._deletion.purge(tx, video))
            raise


def _owner_of(caller: Caller) -> int:
    if caller.user_id is None:
        raise Unauthenticated("Sign in to upload videos.")
    if not caller.may_upload:
        raise Forbidden("This account is for watching: it has no videos of its own.", code="viewer")
    return caller.user_id


def _guest_video(drop: UploadRequest, pairs: dict[str, str]) -> NewVideo:
    """A video from a guest: private, whatever they say, until its owner has looked at it."""
    name = sanitize_file_name(pairs.get("filename", ""))
    title = clean_line(pairs.get("title", ""))
    return NewVideo(
        owner_id=drop.owner_id,
        title=clean_title(title or title_from(name)),
        visibility=Visibility.PRIVATE,
        source_name=name,
        title_chosen=bool(title),
        guest_name=clean_line(pairs.get("guest", ""))[:MAX_GUEST_NAME] or drop.label or "A guest",
    )

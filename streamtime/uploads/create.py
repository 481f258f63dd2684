"""Create an upload. Limits, quota and disk space are checked before the client sends any bytes."""

from dataclasses import replace

from streamtime.auth.access import Caller, Visibility
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden, Invalid, TooLarge, Unauthenticated
from streamtime.formatting import size_text
from streamtime.sharing.upload_requests import UploadRequest, reserve_file
from streamtime.storage.spool import Spool
from streamtime.uploads.terminate import Termination
from streamtime.uploads.upload import (
    NewUpload,
    Upload,
    UploadLimits,
    UploadRepository,
    UploadSpace,
    clean_client_key,
    parse_metadata,
    sanitize_file_name,
)
from streamtime.videos.editing import clean_line, clean_title
from streamtime.videos.ingest import NewVideo, VideoIngest, title_from
from streamtime.videos.video import Video

MAX_GUEST_NAME = 60
"""Longest name of a guest, in characters."""


class UploadCreation:
    """Creates the rows of an upload and its empty spool file."""

    def __init__(
        self,
        database: Database,
        rows: UploadRepository,
        ingest: VideoIngest,
        termination: Termination,
        space: UploadSpace,
        spool: Spool,
    ) -> None:
        self._database = database
        self._rows = rows
        self._ingest = ingest
        self._termination = termination
        self._space = space
        self._spool = spool

    @property
    def limits(self) -> UploadLimits:
        """The limits that are in force."""
        return self._space.limits

    async def create(
        self,
        caller: Caller,
        length_bytes: int,
        metadata: str,
        client_key: str | None,
        *,
        upload_request: UploadRequest | None = None,
        replaces: Video | None = None,
    ) -> Upload:
        """Create an upload of `length_bytes`, or return the caller's earlier upload with the same `client_key`.

        With `upload_request`, the upload belongs to the owner of that link, and `caller` is not checked. With
        `replaces`, a video that the caller may manage, the file becomes a version of it.

        Raises:
            Unauthenticated: the caller is not signed in.
            Forbidden: the account is a viewer's, or another account's video is to be replaced.
            Invalid: the length is 0, or the metadata or the client key is invalid.
            Conflict: the client key belongs to an upload of another length, or the video to replace is in preparation.
            TooLarge: the file exceeds the size limit.
            QuotaExceeded: the file exceeds the owner's quota.
            NoSpace: the disk has no room for the file beside the existing reservations.
            UploadRequestFull: the upload request accepts no more files.
            TooManyRequests: too many uploads are open.
            Unavailable: the spool directory is missing or not writable.
        """
        owner_id = _owner_of(caller) if upload_request is None else upload_request.owner_id
        pairs = parse_metadata(metadata)
        client_key = clean_client_key(client_key or pairs.get("client_key"))
        self._check_size(length_bytes, upload_request)
        if upload_request is not None:
            new = _guest_video(upload_request, pairs)
        elif replaces is not None:
            new = _replacement(owner_id, replaces, pairs)
        else:
            new = self._new_video(owner_id, pairs)
        if client_key and upload_request is not None:
            client_key = f"drop {upload_request.id} {client_key}"  # separate from the owner's own keys
        await self._space.require_available()  # before any query: the database may be on the same missing volume

        drop_id = None if upload_request is None else upload_request.id

        async def body(tx: Transaction) -> tuple[str, str | None]:
            if client_key and (existing := await self._rows.by_client_key(tx, new.owner_id, client_key)):
                if existing["length_bytes"] != length_bytes:
                    raise Conflict("This key belongs to an upload of another length.", code="client_key_taken")
                return existing["public_id"], None
            if upload_request is not None:
                await reserve_file(tx, upload_request)
            await self._rows.require_open_slot(tx, new.owner_id, drop_id)
            await self._space.reserve(tx, new.owner_id, length_bytes, via_upload_request=upload_request is not None)
            return await self._insert(tx, new, NewUpload(0, 0, length_bytes, metadata, client_key, drop_id))

        upload_id, key = await self._database.write(body)
        if upload_request is None:
            upload = await self._rows.require(caller, upload_id)
        else:
            upload = await self._rows.by_upload_request(upload_request.id, upload_id)
        if key is not None:
            await self._make_file(upload, key, has_client_key=client_key is not None)
        return upload

    def _check_size(self, length_bytes: int, upload_request: UploadRequest | None) -> None:
        if length_bytes == 0:
            raise Invalid("The file is empty.", field="Upload-Length", code="empty")
        limit = self.limits.max_size_bytes
        if upload_request is not None and upload_request.max_bytes is not None:
            limit = min(limit, upload_request.max_bytes)
        if length_bytes > limit:
            message = f"This file has {size_text(length_bytes)}. Files of at most {size_text(limit)} are taken here."
            raise TooLarge(message, facts={"limit": limit, "needed": length_bytes})

    def _new_video(self, owner_id: int, pairs: dict[str, str]) -> NewVideo:
        name = sanitize_file_name(pairs.get("filename", ""))
        try:
            visibility = Visibility(pairs.get("visibility") or self.limits.default_visibility.value)
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
        upload = replace(upload, owner_id=new.owner_id, video_id=video_id)
        return await self._rows.add(tx, upload, key), key

    async def _make_file(self, upload: Upload, key: str, *, has_client_key: bool) -> None:
        try:
            (await self._spool.create(key)).close()
        except BaseException as error:  # cancelled too
            if has_client_key and isinstance(error, Conflict):
                return  # a concurrent request with the same client key already writes to it
            # The client never learned the id, so it can't resume this upload.
            await self._termination.terminate(upload)
            raise


def _owner_of(caller: Caller) -> int:
    if caller.user_id is None:
        raise Unauthenticated("Sign in to upload videos.")
    if not caller.may_upload:
        raise Forbidden("This account is for watching: it has no videos of its own.", code="viewer")
    return caller.user_id


def _replacement(owner_id: int, replaced: Video, pairs: dict[str, str]) -> NewVideo:
    """Return the version whose file replaces that of a video. Its space is charged to the owner of the video."""
    if replaced.owner_id != owner_id:
        raise Forbidden("Only the owner of a video can replace its file.", code="not_owner")
    name = sanitize_file_name(pairs.get("filename", ""))
    return NewVideo(owner_id, replaced.title, Visibility.PRIVATE, name, replaces=replaced)


def _guest_video(upload_request: UploadRequest, pairs: dict[str, str]) -> NewVideo:
    """Return the new video of a guest. It is always private, so that its owner reviews it first."""
    name = sanitize_file_name(pairs.get("filename", ""))
    title = clean_line(pairs.get("title", ""))
    return NewVideo(
        owner_id=upload_request.owner_id,
        title=clean_title(title or title_from(name)),
        visibility=Visibility.PRIVATE,
        source_name=name,
        title_chosen=bool(title),
        guest_name=clean_line(pairs.get("guest", ""))[:MAX_GUEST_NAME] or upload_request.label or "A guest",
    )

"""Upload requests: links with which anyone can upload videos into the owner's library, within the owner's limits.

Guests see nothing of the library, not even the state of what they sent. The uploads themselves are in `uploads`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, insert, or_, select, update

from streamtime.auth.access import Caller, Role
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.tables.sharing import upload_requests
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Forbidden, Invalid, NotFound
from streamtime.ids import public_id
from streamtime.sharing.link_rules import account_is_active
from streamtime.sharing.links import MAX_LABEL, MAX_LISTED, LinkState, link_state
from streamtime.translation import gettext, number_text
from streamtime.videos.editing import clean_line

MAX_FILES = 10_000


class UploadRequestFull(Forbidden):
    """The upload request has received its maximum number of files."""

    code = "drop_full"


@dataclass(frozen=True, slots=True)
class NewUploadRequest:
    """The properties of an upload request to create; None means no limit."""

    label: str = ""
    max_bytes: int | None = None
    """The largest size of one file."""
    max_files: int | None = None
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """An upload request."""

    id: int
    public_id: str
    owner_id: int
    owner_name: str
    label: str
    max_bytes: int | None
    max_files: int | None
    files: int
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None

    def state(self, now_ms: int) -> LinkState:
        """Return whether it accepts files, or why not."""
        return link_state(
            now_ms,
            revoked_at_ms=self.revoked_at_ms,
            expires_at_ms=self.expires_at_ms,
            uses=self.files,
            max_uses=self.max_files,
        )


class UploadRequests:
    """Creates, finds and revokes upload requests."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def create(self, caller: Caller, new: NewUploadRequest, actor: Actor) -> UploadRequest:
        """Create an upload request into the caller's library.

        Raises:
            Forbidden: the account is a viewer and has no library.
            Invalid: a limit or the label is not valid.
        """
        if caller.user_id is None or not caller.may_upload:
            raise Forbidden("This account is for watching: it has no library to send to.", code="viewer")
        now = self._clock.now_ms()
        _validate(new, now)
        request_id, label = public_id(), clean_line(new.label)
        values = {
            "public_id": request_id,
            "owner_id": caller.user_id,
            "label": label,
            "max_bytes": new.max_bytes,
            "max_files": new.max_files,
            "created_at_ms": now,
            "expires_at_ms": new.expires_at_ms,
        }

        async def body(tx: Transaction) -> None:
            await tx.execute(insert(upload_requests).values(**values))
            # The request's id is its secret address: it must not appear in the audit log.
            await self._audit.record(tx, actor, AuditEvent.DROP_CREATED, caller.name, label=label)

        await self._database.write(body)
        return await self.get(caller, request_id)

    async def list_for_owner(self, caller: Caller) -> list[UploadRequest]:
        """Return the caller's own upload requests, newest first."""
        own = _selection().where(upload_requests.c.owner_id == caller.user_id)
        return await self._read(own.order_by(upload_requests.c.id.desc()).limit(MAX_LISTED))

    async def get(self, caller: Caller, request_id: str) -> UploadRequest:
        """Return one of the caller's own upload requests by its public id.

        Raises:
            NotFound: it does not exist, or belongs to another account.
        """
        return await self._one(upload_requests.c.public_id == request_id, upload_requests.c.owner_id == caller.user_id)

    async def find(self, request_id: str) -> UploadRequest:
        """Return an active upload request by its public id. One that is full counts as active: uploads may continue.

        Raises:
            NotFound: it does not exist, is revoked or has expired.
        """
        now = self._clock.now_ms()
        unexpired = or_(upload_requests.c.expires_at_ms.is_(None), upload_requests.c.expires_at_ms > now)
        owner_may_upload = account_is_active() & (users.c.role != Role.VIEWER.value)
        not_revoked = upload_requests.c.revoked_at_ms.is_(None)
        return await self._one(upload_requests.c.public_id == request_id, not_revoked, unexpired, owner_may_upload)

    async def revoke(self, caller: Caller, request_id: str, actor: Actor) -> None:
        """Revoke an upload request: uploads in progress stop at their next request.

        Raises:
            NotFound: it does not exist, belongs to another account, or was revoked already.
        """
        found = await self.get(caller, request_id)
        statement = update(upload_requests).where(
            upload_requests.c.id == found.id, upload_requests.c.revoked_at_ms.is_(None)
        )

        async def body(tx: Transaction) -> None:
            done = await tx.execute(statement.values(revoked_at_ms=self._clock.now_ms()))
            if done.rowcount == 0:
                raise NotFound
            await self._audit.record(tx, actor, AuditEvent.DROP_REVOKED, found.owner_name, label=found.label)
            await tx.bump_epoch()

        await self._database.write(body)

    async def _one(self, *conditions: ColumnElement[bool]) -> UploadRequest:
        found = await self._read(_selection().where(*conditions))
        if not found:
            raise NotFound
        return found[0]

    async def _read(self, query: Select[tuple[Any, ...]]) -> list[UploadRequest]:
        async with self._database.read() as connection:
            return [UploadRequest(**row) for row in (await connection.execute(query)).mappings()]


async def reserve_file(tx: Transaction, request: UploadRequest) -> None:
    """Count a new upload, in the transaction that creates it.

    Raises:
        UploadRequestFull: the maximum number of files is reached, or the request has been revoked.
    """
    files_left = or_(upload_requests.c.max_files.is_(None), upload_requests.c.files < upload_requests.c.max_files)
    statement = update(upload_requests).where(
        upload_requests.c.id == request.id, upload_requests.c.revoked_at_ms.is_(None), files_left
    )
    if (await tx.execute(statement.values(files=upload_requests.c.files + 1))).rowcount == 0:
        raise UploadRequestFull("As many files were sent here as this link takes.")


async def release_file(tx: Transaction, request_id: int) -> None:
    """Uncount an upload that was abandoned before it was complete."""
    statement = update(upload_requests).where(upload_requests.c.id == request_id, upload_requests.c.files > 0)
    await tx.execute(statement.values(files=upload_requests.c.files - 1))


def _validate(new: NewUploadRequest, now_ms: int) -> None:
    if len(new.label) > MAX_LABEL:
        raise Invalid(gettext("A label has at most %(most)s characters.", most=number_text(MAX_LABEL)), field="label")
    if new.max_files is not None and not 1 <= new.max_files <= MAX_FILES:
        raise Invalid(gettext("A link takes 1 to %(most)s files.", most=number_text(MAX_FILES)), field="max_files")
    if new.max_bytes is not None and new.max_bytes < 1:
        raise Invalid("A file has at least a byte.", field="max_bytes")
    if new.expires_at_ms is not None and new.expires_at_ms <= now_ms:
        raise Invalid("The end of the link must be in the future.", field="days")


def _selection() -> Select[tuple[Any, ...]]:
    is_owner = upload_requests.c.owner_id == users.c.id
    return select(upload_requests, users.c.name.label("owner_name")).join_from(upload_requests, users, is_owner)

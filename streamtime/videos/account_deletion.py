"""Delete accounts: transfer or purge their videos and revoke their sessions, tokens and links, in one transaction.

The row stays as a tombstone without its name until its objects are collected; `Tombstones` deletes it.
"""

from dataclasses import replace

from sqlalchemy import Select, delete, func, select, update

from streamtime.auth.access import Role
from streamtime.auth.administration import require_another_admin
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.sessions import Sessions
from streamtime.auth.users import User, is_inactive, require_user
from streamtime.clock import Clock
from streamtime.database.tables.auth import (
    api_tokens,
    invites,
    muted_notices,
    notices,
    oidc_identities,
    preferences,
    profile_pictures,
    recovery_codes,
    users,
)
from streamtime.database.tables.playlists import playlists
from streamtime.database.tables.sharing import (
    follows,
    group_members,
    groups,
    playlist_grants,
    share_links,
    upload_requests,
    video_grants,
)
from streamtime.database.tables.storage import objects
from streamtime.database.tables.videos import saved_filters, uploads, video_marks, videos, watches
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.events import ChangeKind, VideoEventPublisher
from streamtime.videos.video import select_videos, video_from_row

_OWN = (
    api_tokens,
    follows,
    group_members,
    invites,
    muted_notices,
    notices,
    oidc_identities,
    playlist_grants,
    preferences,
    profile_pictures,
    recovery_codes,
    video_grants,
    video_marks,
    watches,
)
"""Tables whose rows belong to one account, in `user_id`."""


def _own_videos(user: User) -> Select[tuple[object, ...]]:
    """Select a user's videos, also in the trash; versions go with their videos."""
    return select_videos().where(
        videos.c.owner_id == user.id, videos.c.purged_at_ms.is_(None), videos.c.version_of.is_(None)
    )


class AccountDeletion:
    """Deletes accounts."""

    def __init__(
        self,
        database: Database,
        deletion: VideoDeletion,
        publisher: VideoEventPublisher,
        sessions: Sessions,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._deletion = deletion
        self._publisher = publisher
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    async def count_videos(self, user: User) -> int:
        """Return the number of a user's videos, those in the trash included."""
        query = select(func.count()).where(videos.c.owner_id == user.id, videos.c.purged_at_ms.is_(None))
        async with self._database.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def delete(
        self, tx: Transaction, user: User, actor: Actor, *, new_owner: User | None = None, delete_videos: bool = False
    ) -> None:
        """Delete an account. Its videos go to `new_owner`, without a quota check, or are purged.

        Raises:
            NotFound: the account or the new owner has been deleted.
            Conflict: it is the last administrator; the new owner can't have videos; or the account has videos and
                neither `new_owner` nor `delete_videos` is given.
        """
        await require_user(tx, user.id)
        await require_another_admin(tx, user.id)
        count = (
            await self._transfer_videos(tx, user, new_owner)
            if new_owner
            else await self._purge(tx, user, delete_videos)
        )
        await self._revoke_access(tx, user)
        outcome = f"{count} to {new_owner.name}" if new_owner else f"{count} deleted"
        await self._audit.record(tx, actor, AuditEvent.ACCOUNT_DELETED, user.name, videos=outcome)
        await self._deletion.queue_garbage_collection(tx)
        await tx.bump_epoch()

    async def _transfer_videos(self, tx: Transaction, user: User, new_owner: User) -> int:
        row = await require_user(tx, new_owner.id)
        if new_owner.id == user.id or row["role"] == Role.VIEWER or is_inactive(row):
            message = (
                f"{new_owner.name} cannot take them: videos go to another account that may have some and may sign in."
            )
            raise Conflict(message, code="no_heir")
        query = _own_videos(user)
        found = [video_from_row(row, ()) for row in (await tx.execute(query)).mappings()]
        await tx.execute(update(videos).where(videos.c.owner_id == user.id).values(owner_id=new_owner.id))
        await tx.execute(update(objects).where(objects.c.owner_id == user.id).values(owner_id=new_owner.id))
        # Client keys are unique per owner, and a deleted account resumes no upload.
        statement = update(uploads).where(uploads.c.owner_id == user.id)
        await tx.execute(statement.values(owner_id=new_owner.id, client_key=None, drop_id=None))
        for video in found:
            if video.deleted_at_ms is None:
                self._publisher.publish_on_commit(tx, video, ChangeKind.DELETED)
                self._publisher.publish_on_commit(tx, replace(video, owner_id=new_owner.id), ChangeKind.CREATED)
        return len(found)

    async def _purge(self, tx: Transaction, user: User, delete_videos: bool) -> int:
        query = _own_videos(user)
        found = [video_from_row(row, ()) for row in (await tx.execute(query)).mappings()]
        if found and not delete_videos:
            message = f"{user.name} has {len(found)} videos. Choose a new owner for them, or delete them too."
            raise Conflict(message, code="videos_remain")
        for video in found:
            await self._deletion.purge(tx, video)
        return len(found)

    async def _revoke_access(self, tx: Transaction, user: User) -> None:
        await self._sessions.end_all(tx, user.id)
        for table in _OWN:
            await tx.execute(delete(table).where(table.c.user_id == user.id))
        await tx.execute(delete(groups).where(groups.c.owner_id == user.id))
        await tx.execute(delete(share_links).where(share_links.c.owner_id == user.id))
        await tx.execute(delete(playlists).where(playlists.c.owner_id == user.id))
        await tx.execute(delete(saved_filters).where(saved_filters.c.owner_id == user.id))
        await tx.execute(delete(notices).where(notices.c.person_id == user.id))
        await tx.execute(delete(follows).where(follows.c.person_id == user.id))
        own_drops = select(upload_requests.c.id).where(upload_requests.c.owner_id == user.id)
        await tx.execute(update(uploads).where(uploads.c.drop_id.in_(own_drops)).values(drop_id=None))
        await tx.execute(delete(upload_requests).where(upload_requests.c.owner_id == user.id))
        values = {
            "name_folded": f":{user.public_id}",  # frees the name: no user name contains a colon
            "password_hash": "",
            "display_name": "",
            "about": "",
            "picture_version": 0,
            "totp_secret": None,
            "totp_since_ms": None,
            "awaiting_at_ms": None,
            "deleted_at_ms": self._clock.now_ms(),
        }
        await tx.execute(update(users).where(users.c.id == user.id).values(**values))

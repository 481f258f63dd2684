"""Which links are in force, as conditions that every query about them has."""

from sqlalchemy import ColumnElement, or_

from streamtime.access.caller import Role
from streamtime.database.people_tables import users
from streamtime.database.sharing_tables import links
from streamtime.database.tables import videos


def account_is_active() -> ColumnElement[bool]:
    """An account that may sign in: what others were given by one that may not ends with it."""
    return users.c.disabled_at_ms.is_(None) & users.c.deleted_at_ms.is_(None) & users.c.awaiting_at_ms.is_(None)


def link_is_active() -> ColumnElement[bool]:
    """A link that was not taken back, joined with its maker. Its end is compared where the time is known."""
    return links.c.revoked_at_ms.is_(None) & account_is_active()


def link_may_show_video() -> ColumnElement[bool]:
    """A video that is there and that the link's maker may show: their own, or anybody's where they are an admin."""
    own = or_(videos.c.owner_id == links.c.owner_id, users.c.role == Role.ADMIN.value)
    return videos.c.deleted_at_ms.is_(None) & own

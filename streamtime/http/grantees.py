"""Whom a caller may share with: people whose profile they may see, and groups that they may use."""

from streamtime.auth.access import Caller
from streamtime.auth.users import User
from streamtime.errors import NotFound
from streamtime.http.requests import account_id
from streamtime.http.services import AccountServices, SharingServices
from streamtime.videos.grants import Grantee, GranteeKind

MAX_PEOPLE = 10
"""People that are offered while somebody types."""


def grantee_kind(text: str) -> GranteeKind:
    """Return the kind of grantee in a path.

    Raises:
        NotFound: there is no such kind.
    """
    try:
        return GranteeKind(text)
    except ValueError:
        raise NotFound from None


async def find_grantee(
    kind: GranteeKind, key: str, caller: Caller, accounts: AccountServices, sharing: SharingServices
) -> Grantee:
    """Return the person with that name, or the group with that id.

    Raises:
        NotFound: there is none, or the caller may not know of it.
    """
    if kind is GranteeKind.GROUP:
        return await sharing.groups.require(caller, key)
    person = await accounts.users.by_name(key.removeprefix("@"))
    await accounts.profile_visibility.require(caller, person)
    return person


async def people_like(text: str, caller: Caller, accounts: AccountServices) -> list[User]:
    """Return other people with a name that contains `text`, those that begin with it first; all for a blank one.

    Accounts that may not sign in are left out.

    Raises:
        Unauthenticated: the caller is anonymous.
    """
    own, wanted = account_id(caller), text.strip().removeprefix("@").casefold()

    def names(person: User) -> tuple[str, str]:
        return person.name.casefold(), person.display_name.casefold()

    def place(person: User) -> tuple[bool, str]:
        return not any(name.startswith(wanted) for name in names(person)), person.shown_name.casefold()

    others = [
        person
        for person in await accounts.users.list_all()
        if person.id != own and person.disabled_at_ms is None and person.awaiting_at_ms is None
    ]
    found = [person for person in others if any(wanted in name for name in names(person))]
    return sorted(found, key=place)[:MAX_PEOPLE]

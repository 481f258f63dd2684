"""A name for an account that nobody chose one for: like the one that a provider tells, within our rules, and free."""

import re
import unicodedata

from sqlalchemy import select

from streamtime.accounts.profiles import clean_display_name
from streamtime.accounts.users import NAME
from streamtime.database.people_tables import users
from streamtime.database.transaction import Transaction
from streamtime.errors import Invalid

MAX_LENGTH = 32
FALLBACK_USERNAME = "user"

_DISALLOWED = re.compile(r"[^A-Za-z0-9._-]+")


def normalize_username(wanted: str) -> str:
    """A name that an account may have, as near to the wanted one as can be; what stands before an @ of an address."""
    plain = unicodedata.normalize("NFKD", wanted.partition("@")[0] or wanted).encode("ascii", "ignore").decode()
    name = _DISALLOWED.sub("-", plain).strip("._-")[:MAX_LENGTH].rstrip("._-")
    return name if NAME.fullmatch(name) else FALLBACK_USERNAME


async def unique_username(tx: Transaction, wanted: str) -> str:
    """The same, or with a number, where it is taken."""
    name = normalize_username(wanted)
    number = 1
    candidate = name
    while (await tx.execute(select(users.c.id).where(users.c.name_folded == candidate.casefold()))).first():
        number += 1
        candidate = f"{name[: MAX_LENGTH - len(str(number)) - 1].rstrip('._-')}-{number}"
    return candidate


def normalize_display_name(wanted: str) -> str:
    """What others read; empty where what the provider tells will not do."""
    try:
        return clean_display_name(wanted) if wanted.strip() else ""
    except Invalid:
        return ""

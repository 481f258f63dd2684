"""Recovery codes: ten ways in for whoever has lost the second factor, each good once, stored hashed."""

from sqlalchemy import Select, delete, func, insert, select, update

from streamtime.clock import EpochMs
from streamtime.database.people_tables import recovery_codes
from streamtime.database.transaction import Transaction
from streamtime.ids import fingerprint, recovery_code

CODE_COUNT = 10


def normalize_code(typed: str) -> str:
    """A code as it was typed, without dashes, spaces and capitals."""
    return "".join(letter for letter in typed.casefold() if letter.isascii() and letter.isalnum())


async def replace_codes(tx: Transaction, user_id: int) -> list[str]:
    """Other codes for an account, which are known here and never again; those before are good no more."""
    await delete_codes(tx, user_id)
    codes = [recovery_code() for _ in range(CODE_COUNT)]
    rows = [{"user_id": user_id, "code_sha256": fingerprint(normalize_code(code))} for code in codes]
    await tx.execute_many(insert(recovery_codes), rows)
    return codes


async def use_code(tx: Transaction, user_id: int, typed: str, now_ms: EpochMs) -> bool:
    """Use a code up; False where it is none of the account's, or was used."""
    ours = (recovery_codes.c.user_id == user_id, recovery_codes.c.code_sha256 == fingerprint(normalize_code(typed)))
    unused = update(recovery_codes).where(*ours, recovery_codes.c.used_at_ms.is_(None))
    return (await tx.execute(unused.values(used_at_ms=now_ms))).rowcount == 1


async def delete_codes(tx: Transaction, user_id: int) -> None:
    """Drop all of an account."""
    await tx.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))


def unused_codes_query(user_id: int) -> Select[int]:
    """The question how many an account has not used."""
    unused = (recovery_codes.c.user_id == user_id, recovery_codes.c.used_at_ms.is_(None))
    return select(func.count()).select_from(recovery_codes).where(*unused)

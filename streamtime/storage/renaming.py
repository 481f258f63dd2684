"""Gives an object another key in any store: at once where the store can, by a copy and a delete elsewhere."""

from contextlib import aclosing

from streamtime.errors import NotFound
from streamtime.storage.object_store import ObjectStore, SupportsRename
from streamtime.storage.os_errors import unavailable
from streamtime.storage.spool import Spool


async def rename(store: ObjectStore | Spool, key: str, to: str) -> None:
    """Move an object to another key. Broken off, it leaves the old one, or both: it can be done again.

    Raises:
        NotFound: there is no such object.
        NoSpace, Unavailable: the store cannot do it now.
    """
    if isinstance(store, SupportsRename):
        await store.rename(key, to)
        return
    before = await store.head(key)
    if before is None:
        raise NotFound
    async with aclosing(store.stream(key)) as body:
        copied = await store.put(to, body)
    if copied.length_bytes != before.length_bytes:
        raise unavailable(f"The copy of {key!r} came out shorter than the object.")
    await store.delete(key)

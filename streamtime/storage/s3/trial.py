"""A trial of a bucket: every operation that Streamtime needs, once, with a temporary object.

The steps are ordered so that the most basic problem is reported first. Errors name the host and bucket and give advice,
which the adapter itself must not do because its messages are shown to visitors. The temporary object is deleted.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streamtime.errors import StreamtimeError, Unavailable
from streamtime.storage.s3.connections import MIB, BucketAddress
from streamtime.storage.s3.store import S3Store

MIN_PART_BYTES = 5 * MIB
"""The minimum of S3, for every part but the last."""

_DATA = b"Streamtime was here"


async def check_bucket(address: BucketAddress) -> list[str]:
    """Write, read a range, list, upload in parts, and delete; returns the results as sentences.

    Raises:
        ConfigError: the address or the credentials are not valid.
        StreamtimeError: a step failed; the message says which, where, and what to do about it.
    """
    store = S3Store(address)
    key = f"check/{secrets.token_hex(8)}"
    try:
        await _try_whole(store, address, key)
        await _try_parts(store, address, key)
        with _step(address, "deleting"):
            await store.delete(key)
            if await store.head(key) is not None:
                raise Unavailable("a deleted object is still there.")
        results = ["writes, reads ranges, lists, takes parts, deletes"]
        if await store.is_versioned():
            results.append(
                "keeps versions: deleted objects stay there, and use space, until a rule of the bucket deletes them"
            )
        if address.public_endpoint:
            results.append(f"signs addresses of {address.public_endpoint}")
        return results
    finally:
        with suppress(StreamtimeError):  # the first error is already being raised
            await _clear(store, key)
        await store.close()


async def _try_whole(store: S3Store, address: BucketAddress, key: str) -> None:
    with _step(address, "listing"):
        await store.check()
    with _step(address, "writing"):
        await store.put(key, _DATA)
    with _step(address, "reading"):
        if await store.get_range(key, 4, 6) != _DATA[4:10]:
            raise Unavailable("a range came back with other bytes.")
    with _step(address, "listing"):
        if [found.key async for found in store.list(key)] != [key]:
            raise Unavailable("the list does not contain the object just written.")


async def _try_parts(store: S3Store, address: BucketAddress, key: str) -> None:
    with _step(address, "sending in parts"):
        upload = await store.create_multipart(key)
        first = await store.upload_part(key, upload, 1, bytes(MIN_PART_BYTES))
        second = await store.upload_part(key, upload, 2, _DATA)
        await store.complete_multipart(key, upload, [first, second])
        if await store.get_range(key, MIN_PART_BYTES, len(_DATA)) != _DATA:
            raise Unavailable("the parts came back in another order.")


async def _clear(store: S3Store, key: str) -> None:
    async for upload in store.list_multiparts(key):
        await store.abort_multipart(upload.key, upload.upload_id)
    await store.delete(key)


@contextmanager
def _step(address: BucketAddress, doing: str) -> Iterator[None]:
    """Add the step, the bucket and advice to an error."""
    try:
        yield
    except StreamtimeError as error:
        where = f"{address.endpoint}, bucket {address.bucket}"
        raise Unavailable(
            f"{doing} failed at {where}: {error.message}{_advice(address, error)}", code="storage"
        ) from error


def _advice(address: BucketAddress, error: StreamtimeError) -> str:
    if "host of the video store is not known" in error.message and not address.path_style:
        return f" Perhaps {address.bucket}.{address.endpoint.partition('//')[2]} has no name: try path_style = true."
    if "The region" in error.message:
        return f" It is {address.region} at the moment: storage.s3.region."
    if "certificate" in error.message:
        return " storage.s3.ca_file can name a file of certificates to trust."
    if "does not answer" in error.message and "refused" not in error.message and address.endpoint.startswith("http:"):
        return " Perhaps it speaks TLS: then its address begins with https."
    return ""

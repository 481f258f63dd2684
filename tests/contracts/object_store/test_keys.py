"""No key, whoever made it, leads anywhere but into the store."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamtime.errors import Invalid, NotFound
from streamtime.storage.object_store import ObjectStore

BAD = ["", ".", "..", "/", "/etc/passwd", "a/../b", "../a", "a/..", "a//b", "a/", "a\0b", "a b", "ä", "a\\b", "a/.b"]
BAD += [".incoming/x", ".multipart/x", "a\n", "x" * 513, "a/" + "x" * 128, "%2e%2e/a", "a:b", "~", "\u202e"]


@pytest.mark.parametrize("key", BAD)
async def test_a_bad_key_is_refused_by_every_operation(store: ObjectStore, key: str) -> None:
    for operation in (
        lambda: store.put(key, b"x"),
        lambda: store.head(key),
        lambda: store.get_range(key, 0, 1),
        lambda: anext(store.stream(key)),
        lambda: store.delete(key),
        lambda: store.create_multipart(key),
    ):
        with pytest.raises(Invalid):
            await operation()


@pytest.mark.parametrize("prefix", ["/", "..", "../", "a/../", ".incoming", "a\0", "a/.b"])
async def test_a_bad_prefix_is_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(Invalid):
        await anext(aiter(store.list(prefix)))
    with pytest.raises(Invalid):
        await anext(aiter(store.list_multiparts(prefix)))


def _likely_trouble() -> Iterator[st.SearchStrategy[str]]:
    yield st.text(max_size=40)
    yield st.text(alphabet="a./-_%\\\0 ~", max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.one_of(*_likely_trouble()))
async def test_any_text_is_a_key_that_works_or_is_refused(store: ObjectStore, key: str) -> None:
    try:
        await store.put(key, key.encode())
    except Invalid:
        with pytest.raises((Invalid, NotFound)):
            await store.get_range(key, 0, 1)
        return
    assert await store.get_range(key, 0, len(key)) == key.encode()
    assert key in [found.key async for found in store.list(key)]
    await store.delete(key)
    assert [found.key async for found in store.list("")] == []

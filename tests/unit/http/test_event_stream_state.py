"""One computation for all who ask at once; a new one after news, after a moment, and after a failure."""

import asyncio

import pytest

from streamtime.clock import EpochMs
from streamtime.errors import Unavailable
from streamtime.http.event_stream_state import MAX_AGE_S, MAX_ENTRIES, RenderCache
from streamtime.videos.events import ChangeKind, EventBus, VideoChanged


class FakeClock:
    def __init__(self) -> None:
        self.passed = 0.0

    def now_ms(self) -> EpochMs:
        return EpochMs(0)

    def monotonic(self) -> float:
        return self.passed


class Maker:
    """Makes a text, slowly, and counts."""

    def __init__(self) -> None:
        self.made = 0
        self.trouble: Exception | None = None

    async def __call__(self) -> str:
        self.made += 1
        await asyncio.sleep(0)
        if self.trouble is not None:
            raise self.trouble
        return f"text {self.made}"


def news(name: str) -> VideoChanged:
    return VideoChanged(1, name, 1, ChangeKind.CHANGED)


async def test_many_ask_and_it_is_made_once() -> None:
    shared, make = RenderCache(EventBus(), FakeClock()), Maker()
    assert set(await asyncio.gather(*[shared.get("k", "v", make) for _ in range(800)])) == {"text 1"}
    assert await shared.get("k", "v", make) == "text 1"
    assert await shared.get("other", "v", make) == "text 2"


async def test_news_of_it_ends_it_and_news_of_others_does_not() -> None:
    bus, clock, make = EventBus(), FakeClock(), Maker()
    shared = RenderCache(bus, clock)
    await shared.get("k", "v", make)
    bus.publish(news("w"))
    assert await shared.get("k", "v", make) == "text 1"
    bus.publish(news("v"))
    assert await shared.get("k", "v", make) == "text 2"
    clock.passed += MAX_AGE_S
    assert await shared.get("k", "v", make) == "text 3"
    assert await shared.get("all", "", make) == "text 4"
    bus.publish(news("w"))
    assert await shared.get("all", "", make) == "text 5"


async def test_news_while_it_is_made_has_it_made_again() -> None:
    bus, make = EventBus(), Maker()
    shared = RenderCache(bus, FakeClock())
    first = asyncio.ensure_future(shared.get("k", "v", make))
    await asyncio.sleep(0)
    bus.publish(news("v"))
    assert await shared.get("k", "v", make) == "text 2"
    await first


async def test_a_failure_is_told_to_all_and_tried_again() -> None:
    shared, make = RenderCache(EventBus(), FakeClock()), Maker()
    make.trouble = Unavailable("busy")
    asked = [asyncio.ensure_future(shared.get("k", "v", make)) for _ in range(3)]
    assert all(isinstance(told, Unavailable) for told in await asyncio.gather(*asked, return_exceptions=True))
    make.trouble = None
    assert await shared.get("k", "v", make) == "text 2"


async def test_who_leaves_takes_nothing_away_from_the_others() -> None:
    shared, make = RenderCache(EventBus(), FakeClock()), Maker()
    first, second = (asyncio.ensure_future(shared.get("k", "v", make)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == "text 1"


async def test_only_so_much_is_remembered() -> None:
    shared, make = RenderCache(EventBus(), FakeClock()), Maker()
    for number in range(MAX_ENTRIES + 1):
        await shared.get(number, "v", make)
    assert await shared.get(MAX_ENTRIES, "v", make) == f"text {MAX_ENTRIES + 1}"
    assert await shared.get(0, "v", make) == f"text {MAX_ENTRIES + 2}"

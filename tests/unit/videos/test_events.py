"""News for pages: only what is wanted, never twice in the queue, and an end when the server stops."""

import asyncio

import pytest

from streamtime.videos.events import ChangeKind, EventBus, VideoChanged


def news(video_id: int, change: ChangeKind = ChangeKind.CHANGED, owner_id: int = 1) -> VideoChanged:
    return VideoChanged(video_id, f"v{video_id}", owner_id, change)


async def test_a_listener_hears_what_it_wants_and_each_video_once() -> None:
    bus = EventBus()
    with bus.subscribe(lambda event: isinstance(event, VideoChanged) and event.owner_id == 1) as mine:
        bus.publish(news(1, ChangeKind.CREATED))
        bus.publish(news(1))
        bus.publish(news(2, owner_id=9))
        bus.publish(news(1, ChangeKind.DELETED))
        assert await mine.next(timeout_s=1) == news(1, ChangeKind.CREATED)
        assert await mine.next(timeout_s=1) == news(1, ChangeKind.DELETED)
        assert await mine.next(timeout_s=0.01) is None
    assert bus.subscriber_count == 0


async def test_closing_ends_those_who_wait_and_those_who_come() -> None:
    bus = EventBus()
    with bus.subscribe(lambda _: True) as waiting:
        ended = asyncio.create_task(waiting.next(timeout_s=30))
        await asyncio.sleep(0)
        bus.close()
        with pytest.raises(StopAsyncIteration):
            await ended
    with bus.subscribe(lambda _: True) as late, pytest.raises(StopAsyncIteration):
        await late.next(timeout_s=30)

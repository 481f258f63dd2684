"""One read for all who want the same bytes: who leaves, who is late, who comes after a failure."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamtime.errors import Unavailable
from streamtime.playback.media_reader import ByteRange, SingleFlightReads

AT = ByteRange("videos/a", 0, 5)
PATIENT_S = 60.0


class Source:
    """Gives its bytes when it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def read(self) -> bytes:
        self.asked += 1
        return await self.answers


@pytest.fixture
async def reads() -> AsyncIterator[SingleFlightReads]:
    made = SingleFlightReads()
    yield made
    await made.close()


async def test_a_hundred_want_it_and_one_reads(reads: SingleFlightReads) -> None:
    source = Source()
    waiting = [asyncio.create_task(reads.wait(AT, source.read, within_s=PATIENT_S)) for _ in range(100)]
    other = asyncio.create_task(reads.wait(ByteRange("videos/a", 9, 5), source.read, within_s=PATIENT_S))
    await asyncio.sleep(0)
    source.answers.set_result(b"bytes")
    assert await asyncio.gather(*waiting) == [b"bytes"] * 100
    assert await other == b"bytes"
    assert source.asked == 2
    assert AT not in reads


async def test_one_who_leaves_does_not_end_it_for_the_others(reads: SingleFlightReads) -> None:
    source = Source()
    first, second = (asyncio.create_task(reads.wait(AT, source.read, within_s=PATIENT_S)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.answers.set_result(b"bytes")
    assert await second == b"bytes"
    assert source.asked == 1


async def test_it_fails_for_all_who_wait_and_is_tried_anew_by_the_next(reads: SingleFlightReads) -> None:
    away, back = Source(), Source()
    waiting = [asyncio.create_task(reads.wait(AT, away.read, within_s=PATIENT_S)) for _ in range(3)]
    await asyncio.sleep(0)
    away.answers.set_exception(Unavailable("away"))
    for ended in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(ended, Unavailable)
    back.answers.set_result(b"bytes")
    assert await reads.wait(AT, back.read, within_s=PATIENT_S) == b"bytes"
    assert (away.asked, back.asked) == (1, 1)


async def test_whose_patience_ends_is_told_so_and_finds_it_at_the_next_try(reads: SingleFlightReads) -> None:
    source = Source()
    with pytest.raises(Unavailable) as told:
        await reads.wait(AT, source.read, within_s=0)
    assert told.value.retry_after_s > 0
    source.answers.set_result(b"bytes")
    assert await reads.wait(AT, source.read, within_s=PATIENT_S) == b"bytes"
    assert source.asked == 1


async def test_at_the_end_nobody_is_left_waiting() -> None:
    reads, source = SingleFlightReads(), Source()
    waiting = asyncio.create_task(reads.wait(AT, source.read, within_s=PATIENT_S))
    await asyncio.sleep(0)
    await reads.close()
    with pytest.raises(Unavailable):
        await waiting

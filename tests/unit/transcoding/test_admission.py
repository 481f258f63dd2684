"""Quiet hours, viewers and room on the disk: each holds encodes back, and says so."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from streamtime.clock import EpochMs
from streamtime.errors import NoSpace
from streamtime.playback.segments import ViewerActivity
from streamtime.storage.spool import Spool
from streamtime.transcoding.admission import (
    DISK_FULL_REASON,
    VIEWERS_REASON,
    AdmissionRules,
    EncodeAdmission,
    QuietHours,
)

EVER = 2**62


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.seconds = 0.0

    def now_ms(self) -> EpochMs:
        return EpochMs(round(self.at.timestamp() * 1000))

    def monotonic(self) -> float:
        return self.seconds

    def local(self, hours: float = 0) -> str:
        """The time of day at this place, so many hours from now."""
        return f"{(self.at + timedelta(hours=hours)).astimezone():%H:%M}"


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    opened = await Spool.open_at(tmp_path / "spool")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("text", "moment", "within"),
    [
        ("23:00-07:00", time(23, 0), True),
        ("23:00-07:00", time(3, 0), True),
        ("23:00-07:00", time(6, 59, 59), True),
        ("23:00-07:00", time(7, 0), False),
        ("23:00-07:00", time(22, 59), False),
        ("01:00-05:30", time(5, 29), True),
        ("01:00-05:30", time(0, 59), False),
        ("01:00-05:30", time(5, 30), False),
    ],
)
def test_hours_contain_their_begin_and_not_their_end(text: str, moment: time, *, within: bool) -> None:
    hours = QuietHours.parse(text)
    assert hours is not None
    assert hours.contains(moment) is within


def test_no_hours_are_no_rule() -> None:
    assert QuietHours.parse("") is None


async def test_long_encodes_wait_for_quiet_hours_and_say_until_when(spool: Spool) -> None:
    clock = Hand()
    begin = clock.local(hours=2)
    rules = AdmissionRules(0, QuietHours.parse(f"{begin}-{clock.local(hours=4)}"), yield_to_viewers=False)
    restraint = EncodeAdmission(rules, ViewerActivity(clock), spool, clock)
    assert await restraint.blocked_reason() == f"Waits for quiet hours ({begin})"
    assert await restraint.disk_full_reason() is None, "what makes a video playable goes on at any time"
    clock.at += timedelta(hours=3)
    assert await restraint.blocked_reason() is None


async def test_long_encodes_stand_back_while_somebody_watches(spool: Spool) -> None:
    clock = Hand()
    watching = ViewerActivity(clock, active_for_s=15)
    restraint = EncodeAdmission(AdmissionRules(0, None, yield_to_viewers=True), watching, spool, clock)
    heedless = EncodeAdmission(AdmissionRules(0, None, yield_to_viewers=False), watching, spool, clock)
    assert await restraint.blocked_reason() is None
    watching.record()
    clock.seconds += 14
    assert await restraint.blocked_reason() == VIEWERS_REASON
    assert await heedless.blocked_reason() is None
    clock.seconds += 2
    assert await restraint.blocked_reason() is None


async def test_encoding_waits_for_room(spool: Spool) -> None:
    clock = Hand()
    full = EncodeAdmission(AdmissionRules(EVER, None, yield_to_viewers=False), ViewerActivity(clock), spool, clock)
    assert await full.blocked_reason() == DISK_FULL_REASON
    assert await full.disk_full_reason() == DISK_FULL_REASON
    roomy = EncodeAdmission(AdmissionRules(1, None, yield_to_viewers=False), ViewerActivity(clock), spool, clock)
    assert await roomy.blocked_reason() is None
    await roomy.require_space(1)
    with pytest.raises(NoSpace, match=r"about 4611686018\.4 GB are needed"):
        await roomy.require_space(EVER)
    await EncodeAdmission(
        AdmissionRules(0, None, yield_to_viewers=False), ViewerActivity(clock), spool, clock
    ).require_space(EVER)

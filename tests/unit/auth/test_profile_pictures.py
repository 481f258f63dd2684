"""What is not left to a worker: how often somebody may send a picture, and what is believed of what comes back."""

import sys
from pathlib import Path

import pytest

from streamtime.auth.access import Role
from streamtime.auth.audit import AuditLog
from streamtime.auth.profiles import ProfilePictures
from streamtime.auth.rate_limits import RATES, RateLimit, RateLimiter
from streamtime.auth.users import User
from streamtime.database.transaction import Database
from streamtime.errors import Invalid, StreamtimeError, TooLarge, TooManyRequests, Unavailable
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.pictures import MAX_BYTES, PictureDecoder
from tests.fake_clock import FakeClock

PIA = User(id=1, public_id="pia", name="pia", role=Role.MEMBER, created_at_ms=0, disabled_at_ms=None)
ANSWERS = """
import socket, sys
from streamtime.media.channel import Channel
from streamtime.workers.protocol import PictureMade
channel = Channel(socket.socket(fileno=int(sys.argv[1])))
channel.receive()
channel.send(PictureMade({jpeg}))
"""
NOWHERE = ("/nonexistent/python",)


def pictures(folder: Path, *command: str) -> tuple[ProfilePictures, FakeClock]:
    """What takes pictures, with this program as its worker. No test here comes as far as the database."""
    hands = FakeClock()
    database = Database(folder / "none.db")
    launcher = WorkerLauncher(command=command, nice=0)
    return ProfilePictures(database, PictureDecoder(launcher), RateLimiter(hands), AuditLog(database, hands)), hands


async def test_too_many_in_a_row_have_to_wait(tmp_path: Path) -> None:
    taking, hands = pictures(tmp_path, *NOWHERE)
    rule = RATES[RateLimit.PICTURE]
    for _ in range(rule.burst):
        with pytest.raises(Unavailable, match="cannot be worked on here"):
            await taking.set(PIA, b"x")
    with pytest.raises(TooManyRequests):
        await taking.set(PIA, b"x")
    hands.now += int(rule.every_s * 1000)
    with pytest.raises(Unavailable):
        await taking.set(PIA, b"x")


async def test_what_is_too_long_costs_nothing(tmp_path: Path) -> None:
    taking, _ = pictures(tmp_path, *NOWHERE)
    for _ in range(RATES[RateLimit.PICTURE].burst + 1):
        with pytest.raises(TooLarge):
            await taking.set(PIA, b"x" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    "jpeg", ["b''", "b'<svg/>'", "b'\\xff\\xd8\\xff<script>'", "b'\\xff\\xd8\\xff' + bytes(300_000) + b'\\xff\\xd9'"]
)
async def test_a_worker_that_went_astray_is_not_believed(tmp_path: Path, jpeg: str) -> None:
    program = ANSWERS.replace("{jpeg}", jpeg)
    taking, _ = pictures(tmp_path, sys.executable, "-I", "-c", program)
    await refused(taking)


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import os; os.abort()"])
async def test_one_that_crashes_is_told_in_words(tmp_path: Path, program: str) -> None:
    taking, _ = pictures(tmp_path, sys.executable, "-I", "-c", program)
    await refused(taking)


async def refused(taking: ProfilePictures) -> None:
    with pytest.raises(StreamtimeError) as failed:
        await taking.set(PIA, b"x")
    assert isinstance(failed.value, Invalid)
    assert (failed.value.code, failed.value.field) == ("picture_unreadable", "picture")
    assert "Save it again" in failed.value.message

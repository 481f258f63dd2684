"""A few kilobytes with a claimed frame of 134 million pixels: rejected before memory is allocated."""

import asyncio
import os
from pathlib import Path

import pytest

from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from tests.clips import run_ffmpeg
from tests.server import resident_bytes

WIDTH, HEIGHT = 16384, 8192
MOST_BYTES = 192 << 20
"""An idle worker uses half of it; one such frame would need as much again, and a decoder needs many."""


class Bits:
    """Writes a parameter set bit by bit."""

    def __init__(self) -> None:
        self.text = ""

    def fixed(self, value: int, width: int) -> "Bits":
        self.text += f"{value:0{width}b}"
        return self

    def golomb(self, *values: int) -> "Bits":
        for value in values:
            digits = f"{value + 1:b}"
            self.text += "0" * (len(digits) - 1) + digits
        return self

    def unit(self) -> bytes:
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8)


def sequence_parameters() -> bytes:
    """H.264 Baseline, level 6.2, with the frame size of the bomb."""
    bits = Bits().fixed(66, 8).fixed(0b11000000, 8).fixed(62, 8)
    bits.golomb(0, 0, 2, 1).fixed(0, 1)
    bits.golomb(WIDTH // 16 - 1, HEIGHT // 16 - 1)
    return b"\0\0\0\1\x67" + bits.fixed(0b1100, 4).unit()


def h264_bomb(folder: Path) -> Path:
    """A small clip with another parameter set."""
    small, raw, path = folder / "small.h264", folder / "bomb.h264", folder / "bomb.mp4"
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-t", "1", "-c:v", "libx264", "-profile:v", "baseline",
        "-pix_fmt", "yuv420p", "-x264-params", "slices=1:sei=0", "-bsf:v", "filter_units=remove_types=6", str(small),
    )  # fmt: skip
    units = small.read_bytes().split(b"\0\0\0\1")
    raw.write_bytes(b"\0\0\0\1".join([units[0], sequence_parameters()[4:], *units[2:]]))
    run_ffmpeg("-f", "h264", "-i", str(raw), "-c", "copy", str(path))
    return path


def vp8_bomb(folder: Path) -> Path:
    """A small clip with another size in its keyframes; the container has the small one."""
    path = folder / "bomb.webm"
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-t", "1", "-c:v", "libvpx", "-g", "1", str(path)
    )  # fmt: skip
    data = path.read_bytes()
    start, size = b"\x9d\x01\x2a", (64).to_bytes(2, "little") * 2
    assert start + size in data
    claimed = (WIDTH - 1).to_bytes(2, "little") + HEIGHT.to_bytes(2, "little")
    path.write_bytes(data.replace(start + size, start + claimed))
    return path


def lying_h264_bomb(folder: Path) -> Path:
    """The same, in a container with the small size."""
    path = h264_bomb(folder)
    data = path.read_bytes()
    size = WIDTH.to_bytes(2) + HEIGHT.to_bytes(2)
    assert size in data
    path.write_bytes(data.replace(size, (64).to_bytes(2) * 2))
    return path


@pytest.mark.parametrize(
    ("make", "code"), [(h264_bomb, "too_large"), (lying_h264_bomb, "too_large"), (vp8_bomb, "damaged")]
)
async def test_a_dimension_bomb_is_refused(tmp_path: Path, make: object, code: str) -> None:
    assert callable(make)
    path = make(tmp_path)
    assert path.stat().st_size < 64 << 10
    peak = 0
    descriptor = os.open(path, os.O_RDONLY)
    try:
        async with WorkerLauncher(nice=0, memory_bytes=MOST_BYTES).launch(descriptor) as worker:
            await worker.confinement()
            probing = asyncio.create_task(worker.probe())
            while not probing.done():
                try:
                    peak = max(peak, resident_bytes(worker.pid, "VmHWM"))
                except (OSError, AssertionError):
                    break  # it has just ended
                await asyncio.sleep(0.002)
            with pytest.raises(WorkerFailed) as failed:
                await probing
    finally:
        os.close(descriptor)
    assert failed.value.code == code
    assert 0 < peak < MOST_BYTES

"""A real, confined worker makes a square of pictures of every kind, whichever way up they lie, and refuses the rest."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamtime.media.profile_picture import orientation_in
from streamtime.media.video_stream import Orientation
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.protocol import MakeProfilePicture
from tests.clips import run_ffmpeg
from tests.images import UPRIGHT, exif, jpeg_with, make_picture, png_bomb, png_with, quadrant_colours, webp_with
from tests.unit.media.worker_harness import LAUNCHER

TURNED = {
    1: UPRIGHT,
    2: ["green", "red", "white", "blue"],
    3: ["white", "blue", "green", "red"],
    4: ["blue", "white", "red", "green"],
    5: ["red", "blue", "green", "white"],
    6: ["blue", "red", "white", "green"],
    7: ["white", "green", "blue", "red"],
    8: ["green", "white", "red", "blue"],
}
"""What is seen of a picture that lies so: CIPA DC-008, section 4.6.6.4."""

KINDS: dict[str, tuple[str, ...]] = {
    "a.jpg": ("-q:v", "2"),
    "progressive.jpg": ("-q:v", "2", "-huffman", "optimal", "-pix_fmt", "yuvj444p"),
    "a.png": (),
    "deep.png": ("-pix_fmt", "rgb48be"),
    "glass.png": ("-pix_fmt", "rgba"),
    "few.png": ("-pix_fmt", "pal8"),
    "a.webp": ("-c:v", "libwebp", "-q:v", "90"),
    "lossless.webp": ("-c:v", "libwebp", "-lossless", "1"),
    "a.gif": (),
}

Carrying = Callable[[bytes, bytes], bytes]


async def portrait(data: bytes, path: Path) -> bytes:
    """Have a worker make one of these bytes."""
    with opened(data, path) as descriptor:
        async with LAUNCHER.launch(descriptor) as worker:
            return await worker.picture(MakeProfilePicture(256))


@contextmanager
def opened(data: bytes, path: Path) -> Iterator[int]:
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("name", KINDS)
async def test_every_kind_becomes_a_square(tmp_path: Path, name: str) -> None:
    data = make_picture(tmp_path / name, *KINDS[name])
    assert quadrant_colours(await portrait(data, tmp_path / "sent")) == ((256, 256), UPRIGHT)


MOVING = (
    ("a.gif", ("-f", "gif")),
    ("a.png", ("-f", "apng")),
    ("a.webp", ("-c:v", "libwebp_anim", "-q:v", "90")),
    ("lossless.webp", ("-c:v", "libwebp_anim", "-lossless", "1")),
    ("glass.webp", ("-c:v", "libwebp_anim", "-q:v", "90", "-pix_fmt", "yuva420p")),
)


@pytest.mark.parametrize(("name", "arguments"), MOVING)
async def test_of_what_moves_the_first_picture_is_taken(tmp_path: Path, name: str, arguments: tuple[str, ...]) -> None:
    make_picture(tmp_path / "still.png")
    moving = ("-loop", "1", "-i", str(tmp_path / "still.png"), "-vf", "negate=enable=gte(n\\,2)", "-frames:v", "5")
    run_ffmpeg(*moving, *arguments, str(tmp_path / name))
    data = (tmp_path / name).read_bytes()
    assert quadrant_colours(await portrait(data, tmp_path / "sent"))[1] == UPRIGHT


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 300), (4000, 30)])
async def test_no_shape_is_too_odd(tmp_path: Path, width: int, height: int) -> None:
    data = make_picture(tmp_path / "a.png", width=width, height=height)
    size, _ = quadrant_colours(await portrait(data, tmp_path / "sent"))
    assert size == (256, 256)


@pytest.mark.parametrize(
    ("name", "carrying"), [("a.jpg", jpeg_with), ("a.png", png_with), ("a.webp", webp_with)], ids=lambda x: str(x)[:4]
)
async def test_a_camera_held_upright_is_believed(tmp_path: Path, name: str, carrying: Carrying) -> None:
    data = carrying(make_picture(tmp_path / name, *KINDS[name]), exif(6))
    assert quadrant_colours(await portrait(data, tmp_path / "sent"))[1] == TURNED[6]


@pytest.mark.parametrize("orientation", TURNED)
async def test_all_eight_ways_up(tmp_path: Path, orientation: int) -> None:
    data = jpeg_with(make_picture(tmp_path / "a.jpg", *KINDS["a.jpg"]), exif(orientation, order=">"))
    assert quadrant_colours(await portrait(data, tmp_path / "sent"))[1] == TURNED[orientation]


async def test_what_can_be_seen_through_lies_on_white(tmp_path: Path) -> None:
    data = make_picture(tmp_path / "a.png", "-vf", "format=rgba,colorchannelmixer=aa=0")
    assert quadrant_colours(await portrait(data, tmp_path / "sent"))[1] == ["white"] * 4


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: make_picture(folder / "a.jpg")[:-200], "damaged_picture"),
        (lambda folder: make_picture(folder / "a.png")[:-60], "damaged_picture"),
        (lambda folder: make_picture(folder / "a.webp", "-c:v", "libwebp")[:-60], "damaged_picture"),
        (lambda folder: make_picture(folder / "a.gif")[:100], "damaged_picture"),
        (lambda _: b"\xff\xd8\xff", "damaged_picture"),
        (lambda _: b"GIF89a", "damaged_picture"),
        (lambda _: b"", "not_a_picture"),
        (lambda _: b"a letter, by name a photograph", "not_a_picture"),
        (lambda _: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "not_a_picture"),
        (lambda folder: make_picture(folder / "a.bmp"), "not_a_picture"),
        (lambda _: png_bomb(30_000, 30_000), "too_large"),
    ],
)
async def test_the_rest_is_refused(tmp_path: Path, make: Callable[[Path], bytes], code: str) -> None:
    with pytest.raises(WorkerFailed) as failed:
        await portrait(make(tmp_path), tmp_path / "sent")
    assert failed.value.code == code, failed.value.stderr_tail
    assert not failed.value.retryable


@pytest.mark.parametrize(
    "told",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", exif(9), exif(0), exif(6)[:20], b"Exif"],
)
def test_what_tells_nothing_is_upright(told: bytes) -> None:
    assert orientation_in(told) == Orientation()

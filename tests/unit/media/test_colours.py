"""Whatever colours a source is made of, every encoded rendition shows them alike, in BT.709."""

from pathlib import Path

import av
import pytest

from tests.clips import run_ffmpeg
from tests.unit.media.charts import BT601, CHART, Colour, furthest, make_chart, read_colours, shown_colours
from tests.unit.media.worker_harness import facts_of, largest_rung, make

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "8")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "8", "-x265-params", "log-level=error")
LOSSLESS = ("-c:v", "ffv1")


async def made_of(source: Path, folder: Path) -> list[Colour]:
    return shown_colours((await make(source, folder, rungs=largest_rung, audio=False)).renditions[0].path)


def spoken(matrix: str, primaries: str = "709", transfer: str = "709", reach: str = "limited") -> str:
    """The filter that turns the chart into such colours, and tags them."""
    return (
        f"zscale=matrixin=gbr:primariesin=709:transferin=709:rangein=full:"
        f"matrix={matrix}:primaries={primaries}:transfer={transfer}:range={reach}"
    )


def untagged(filters: str) -> str:
    return filters + ",setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown"


@pytest.mark.parametrize(
    ("name", "filters", "arguments"),
    [
        ("plain.mp4", spoken("709") + ",format=yuv420p", X264),
        ("601.mp4", spoken("170m") + ",format=yuv420p", X264),
        ("untagged.mkv", untagged(spoken("170m") + ",format=yuv420p"), LOSSLESS),
        ("ntsc.mp4", spoken("170m", "170m", "601") + ",format=yuv420p", X264),
        ("pal.mpg", spoken("bt470bg", "bt470bg", "601") + ",format=yuv420p", ("-c:v", "mpeg2video", "-q:v", "1")),
        ("full.mp4", spoken("709", reach="full") + ",format=yuv420p", X264),
        ("phone.mp4", spoken("bt470bg", "bt470bg", "601", "full") + ",format=yuv420p", X264),
        ("deep.mkv", spoken("709") + ",format=yuv422p10le", LOSSLESS),
        ("deep601.mkv", spoken("170m", reach="full") + ",format=yuv422p10le", LOSSLESS),
        ("fine.mkv", spoken("709") + ",format=yuv444p12le", LOSSLESS),
        ("wide.mkv", spoken("2020_ncl", "2020", "2020_10") + ",format=yuv420p10le", X265),
        ("wide8.mkv", spoken("2020_ncl", "2020") + ",format=yuv420p", X264),
        ("p3.mkv", spoken("709", "smpte432") + ",format=yuv420p10le", LOSSLESS),
        ("old.mkv", "scale=out_color_matrix=smpte240m:out_range=tv,format=yuv420p", X264),
        ("screen.mkv", "format=gbrp", LOSSLESS),
        ("screen.mov", "null", ("-c:v", "qtrle")),
        ("motion.avi", spoken("bt470bg", reach="full") + ",format=yuvj420p", ("-c:v", "mjpeg", "-q:v", "1")),
    ],
)
async def test_colours_are_right(tmp_path: Path, name: str, filters: str, arguments: tuple[str, ...]) -> None:
    source = make_chart(tmp_path / name, filters, *arguments)
    # Eight bits of a wide gamut are coarse.
    assert furthest(await made_of(source, tmp_path), CHART) <= (8 if name == "wide8.mkv" else 5)


@pytest.mark.parametrize(
    # The reference bends each part of an HLG colour by itself, BT.2100 (and this) their common brightness.
    ("transfer", "error"),
    [("smpte2084", 8), ("arib-std-b67", 17)],
)
async def test_hdr_is_mapped_as_the_reference_does(tmp_path: Path, transfer: str, error: int) -> None:
    bright = (
        "format=gbrpf32le,zscale=primariesin=709:transferin=709:rangein=full:"
        f"primaries=2020:transfer={transfer}:matrix=2020_ncl:range=limited:npl=203,format=yuv420p10le"
    )
    source = make_chart(tmp_path / "hdr.mkv", bright, *X265)
    assert (await facts_of(source)).video.copy_obstacle is not None
    mapped = (
        "zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=709,tonemap=tonemap=hable:desat=0,"
        "zscale=transfer=709:matrix=709:range=limited,format=yuv420p"
    )
    reference = tmp_path / "reference.mkv"
    run_ffmpeg("-i", str(source), "-vf", mapped, *LOSSLESS, str(reference))
    found, wanted = await made_of(source, tmp_path), shown_colours(reference)
    assert furthest(found, wanted) <= error
    assert furthest(found[:3], wanted[:3]) <= 3


@pytest.mark.parametrize(
    ("name", "filters", "why"),
    [
        ("hdr.mp4", spoken("2020_ncl", "2020", "smpte2084"), "HDR"),
        ("hlg.mp4", spoken("2020_ncl", "2020", "arib-std-b67"), "HDR"),
        ("wide.mp4", spoken("2020_ncl", "2020"), "not every browser"),
        ("phone.mp4", spoken("bt470bg", "bt470bg", "601", "full"), None),
        ("plain.mp4", spoken("709"), None),
    ],
)
async def test_only_everyday_colours_are_copied(tmp_path: Path, name: str, filters: str, why: str | None) -> None:
    source = make_chart(tmp_path / name, filters + ",format=yuv420p", *X264)
    found = (await facts_of(source)).video.copy_obstacle
    assert (found is None) if why is None else (why in (found or ""))


async def test_a_copy_keeps_its_tags(tmp_path: Path) -> None:
    source = make_chart(tmp_path / "phone.mp4", spoken("bt470bg", "bt470bg", "601", "full") + ",format=yuv420p", *X264)
    copied = (await make(source, tmp_path, copy=True)).renditions[0]
    with av.open(str(copied.path), "r") as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (5, 5, 6, 2)


async def test_a_poster_is_read_as_jpegs_are(tmp_path: Path) -> None:
    source = make_chart(tmp_path / "plain.mp4", spoken("709") + ",format=yuv420p", *X264)
    poster = (await make(source, tmp_path, audio=False, poster=True)).poster_path
    assert poster is not None
    with av.open(str(poster), "r") as container:
        frame = next(container.decode(video=0))
    assert furthest(read_colours(frame, matrix=BT601, limited=False), CHART) <= 6


async def test_an_untagged_large_picture_is_bt709(tmp_path: Path) -> None:
    source = make_chart(
        tmp_path / "hd.mkv", untagged(spoken("709") + ",format=yuv420p"), *LOSSLESS, size=(1280, 720), duration_s=0.2
    )
    assert furthest(await made_of(source, tmp_path), CHART) <= 4

"""Creates the clip of a recipe with PyAV's encoders, in this process: a tenth of a second each.

The video is encoded at a constant rate; then its packets get the times of the recipe, are dropped or moved, and are
written into the container.
"""

import random
import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import av
import av.filter
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from streamtime.media.source import AnyPacket
from tests.hostile.recipes import Recipe, Sound

MUXERS = {
    "mkv": "matroska",
    "fragmented.mp4": "mp4",
    "ts": "mpegts",
    "m2ts": "mpegts",
    "mpg": "vob",
    "m4a": "mp4",
}
TICK = Fraction(1, 180_000)
"""Exact for every drawn frame rate, to half a tick of MPEG."""

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
SLIDE_S = (0.5, 6.0)
PICTURES = {
    "h264": ("libx264", {"preset": "ultrafast", "threads": "1"}),
    "hevc": ("libx265", {"preset": "ultrafast"}),
    "av1": ("libsvtav1", {"preset": "13", "svtav1-params": "lp=1"}),
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "threads": "1"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "threads": "1"}),
    "mjpeg": ("mjpeg", {"color_range": "pc"}),
}
SOUNDS = {"mp3": "libmp3lame", "opus": "libopus"}
EBML_DURATION = b"\x44\x89\x88"
"""The element Duration with eight bytes (RFC 9559 section 5.1.2.10)."""


def make_film(recipe: Recipe, path: Path) -> Path:
    """Write the clip of a recipe to `path`."""
    options = dict(option.split("=", 1) for option in recipe.options)
    if recipe.origin_s or recipe.container in {"ts", "m2ts"}:
        options["avoid_negative_ts"] = "disabled" if recipe.origin_s < 0 else "auto"
    if recipe.timescale:
        options["video_track_timescale"] = str(recipe.timescale)
    with path.open("wb") as file:
        target: Any = file if recipe.header != "missing" else Unseekable(file)
        muxer = MUXERS.get(recipe.container, recipe.container)
        with av.open(target, "w", format=muxer, options=options) as container:
            _write(recipe, container)
    data = path.read_bytes()
    if recipe.header in {"short", "long"}:
        data = _lying(recipe, data)
    first = int(len(data) * recipe.front)
    path.write_bytes(data[first : len(data) - int(len(data) * recipe.back)])
    return path


class Unseekable:
    """A pipe for the muxer, which cannot seek back to complete its header."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401  # any file
        self.write = file.write


def _write(recipe: Recipe, container: OutputContainer) -> None:
    if recipe.title:
        container.metadata["title"] = recipe.title
    chance = random.Random(recipe.chance)  # noqa: S311  # it is to be repeatable
    picture = _add_picture(recipe, container) if recipe.codec else None
    sounds = [_add_sound(sound, container) for sound in recipe.sounds]
    cover = _add_cover(container) if recipe.cover else []
    packets = [*cover]
    if picture:
        packets += _timed_pictures(recipe, list(_pictures(recipe, picture)), chance)
    for sound, stream in zip(recipe.sounds, sounds, strict=True):
        packets += _timed_sounds(recipe, sound, list(_encoded(sound, stream)))
    for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * (packet.time_base or TICK)):
        container.mux(packet)


def _add_picture(recipe: Recipe, container: OutputContainer) -> VideoStream:
    encoder, options = PICTURES.get(recipe.codec, (recipe.codec, {}))
    options = {**options, **_structure(recipe)}
    stream = container.add_stream(encoder, rate=Fraction(recipe.rate), options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = recipe.width, recipe.height, recipe.pixels
    stream.codec_context.time_base = recipe.step_s
    stream.codec_context.gop_size = recipe.group
    if recipe.b_frames:
        stream.codec_context.max_b_frames = recipe.b_frames
    stream.codec_context.sample_aspect_ratio = Fraction(recipe.aspect)
    stream.sample_aspect_ratio = Fraction(recipe.aspect)
    if recipe.rotation:
        stream.set_display_rotation(recipe.rotation)
    return stream


def _structure(recipe: Recipe) -> dict[str, str]:
    """The encoder's options for GOPs and fields."""
    if recipe.codec == "h264":
        said = f"keyint={recipe.group}:min-keyint={min(recipe.group, 25)}:scenecut=0:open-gop={int(recipe.open_group)}"
        said += ":intra-refresh=1" if recipe.intra_refresh else ""
        said += ":tff=1" if recipe.interlaced else ""
        return {"x264-params": f"{said}:bframes={recipe.b_frames}:b-adapt=0"}
    if recipe.codec == "hevc":
        said = f"keyint={recipe.group}:min-keyint={recipe.group}:scenecut=0:open-gop={int(recipe.open_group)}"
        return {"x265-params": f"{said}:bframes={recipe.b_frames}:log-level=none:pools=1:frame-threads=1"}
    return {"flags": "+ildct+ilme"} if recipe.interlaced else {}


def _pictures(recipe: Recipe, stream: VideoStream) -> Iterator[AnyPacket]:
    """Encode a moving test pattern; times are frame numbers."""
    graph = av.filter.Graph()
    source = graph.add("testsrc2", f"size={recipe.width}x{recipe.height}:rate={recipe.rate}")
    shape = graph.add("format", recipe.pixels)
    sink = graph.add("buffersink")
    source.link_to(shape)
    shape.link_to(sink)
    graph.configure()
    for number in range(recipe.pictures):
        frame = graph.vpull()
        frame.pts, frame.time_base = number, recipe.step_s
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _timed_pictures(recipe: Recipe, packets: list[AnyPacket], chance: random.Random) -> list[AnyPacket]:
    """Set the times of the video packets, and drop the missing ones."""
    base = packets[0].time_base or recipe.step_s
    starts = _starts(recipe, chance)
    step_s, last_s = float(recipe.step_s), recipe.last_s or float(recipe.step_s)

    def at(index: int) -> float:
        """The presentation time of a frame; decode times can be before the first and after the last."""
        if index < 0:
            return starts[0] + index * step_s
        return starts[index] if index < len(starts) else starts[-1] + (index - len(starts) + 1) * step_s

    shown = [_index(packet.pts, base, recipe) for packet in packets]
    decoded = sorted(shown)
    delay = max(earliest - pts for earliest, pts in zip(decoded, shown, strict=True))
    begins_s = at(min(shown[recipe.skipped :])) - recipe.origin_s
    for packet, pts, dts in zip(packets, shown, decoded, strict=True):
        lasts_s = at(pts + 1) - at(pts) if pts + 1 < len(starts) else last_s
        packet.pts = round((at(pts) - begins_s) / TICK)
        packet.dts = round((at(dts - delay) - begins_s) / TICK)
        packet.duration = round(lasts_s / TICK)
        packet.time_base = TICK
    return packets[recipe.skipped :]


def _index(time: int | None, base: Fraction, recipe: Recipe) -> int:
    return round((time or 0) * base / recipe.step_s)


def _starts(recipe: Recipe, chance: random.Random) -> list[float]:
    """The presentation times of all frames."""
    step_s = float(recipe.step_s)
    steps = [step_s] * recipe.pictures
    if recipe.pace == "slides":
        steps = [chance.uniform(*SLIDE_S) for _ in steps]
    elif recipe.pace == "jitter":
        steps = [step_s * chance.uniform(1, 4) for _ in steps]
    if recipe.container in {"avi", "gif"}:
        unit_s = step_s if recipe.container == "avi" else 0.01
        steps = [max(1, round(step / unit_s)) * unit_s for step in steps]
    if recipe.jump_s and len(steps) > 1:
        steps[len(steps) // 2 - 1] += round(recipe.jump_s / step_s) * step_s
    return [0.0, *islice(accumulate(steps), len(steps) - 1)]


def _add_sound(sound: Sound, container: OutputContainer) -> AudioStream:
    stream = container.add_stream(SOUNDS.get(sound.codec, sound.codec), rate=sound.rate_hz, options={"strict": "-2"})
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = LAYOUTS[sound.channels]
    if formats := stream.codec_context.codec.audio_formats:
        stream.codec_context.format = formats[0]
    return stream


def _encoded(sound: Sound, stream: AudioStream) -> Iterator[AnyPacket]:
    """Encode a tone with changing volume."""
    graph = av.filter.Graph()
    wave = "0.4*sin(2*PI*440*t)*(0.6+0.4*sin(2*PI*t))"
    exprs = "|".join([wave] * sound.channels)
    source = graph.add("aevalsrc", f"exprs={exprs}:s={sound.rate_hz}:c={LAYOUTS[sound.channels]}:d={sound.lasts_s}")
    sink = graph.add("abuffersink")
    source.link_to(sink)
    graph.configure()
    while True:
        try:
            frame = graph.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        assert isinstance(frame, av.AudioFrame)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _timed_sounds(recipe: Recipe, sound: Sound, packets: list[AnyPacket]) -> list[AnyPacket]:
    """Set the times of the audio packets, including the jump."""
    jumps_at_s = float((recipe.pictures // 2) * recipe.step_s) if recipe.codec and recipe.pace == "even" else 0.0
    for packet in packets:
        base = packet.time_base or TICK
        off_s = Fraction(recipe.origin_s + sound.starts_s).limit_denominator(1000)
        if recipe.jump_s and jumps_at_s and float((packet.pts or 0) * base) + sound.starts_s >= jumps_at_s:
            off_s += Fraction(recipe.jump_s).limit_denominator(1000)
        packet.pts, packet.dts = (round(((time or 0) * base + off_s) / TICK) for time in (packet.pts, packet.dts))
        packet.duration = round((packet.duration or 0) * base / TICK)
        packet.time_base = TICK
    return packets


def _add_cover(container: OutputContainer) -> list[AnyPacket]:
    stream = container.add_stream("mjpeg", rate=1)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
    stream.disposition = Disposition.attached_pic
    graph = av.filter.Graph()
    source, shape, sink = (
        graph.add("testsrc2", "size=64x64:rate=1"),
        graph.add("format", "yuvj420p"),
        graph.add("buffersink"),
    )
    source.link_to(shape)
    shape.link_to(sink)
    graph.configure()
    return [*stream.encode(graph.vpull()), *stream.encode(None)][:1]


def _lying(recipe: Recipe, data: bytes) -> bytes:
    """Change the duration in the header."""
    by = 0.4 if recipe.header == "short" else 3.0
    if recipe.container == "mkv":
        at = data.find(EBML_DURATION) + len(EBML_DURATION)
        (said,) = struct.unpack_from(">d", data, at)
        return data[:at] + struct.pack(">d", said * by) + data[at + 8 :]
    at = data.rfind(b"mvhd") + 20  # version 0: two dates and a time scale come first
    (said,) = struct.unpack_from(">I", data, at)
    return data[:at] + struct.pack(">I", min(round(said * by), 0xFFFFFFFE)) + data[at + 4 :]

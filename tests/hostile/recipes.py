"""Random recipes for valid but unusual clips: `edge_case_clips.py` creates them, `verdicts.py` checks the results.

A recipe has only numbers and names, so that it can be printed, replayed and simplified one field at a time.
"""

import random
from dataclasses import dataclass, fields, replace
from fractions import Fraction

WRAP_S = 2**33 / 90_000
"""Where the 33-bit times of MPEG wrap around (ISO/IEC 13818-1 section 2.4.3.7): 26.5 hours."""

MOST_PICTURES = 240
LONGEST_S = 12.0
LATEST_KEY_S = 15.0
"""Limits of random values; they keep a case below a second of CPU time."""

RATES = ("1", "2", "5", "10", "12", "15", "24000/1001", "24", "25", "30000/1001", "30", "50", "60", "120")
MPEG_RATES = ("24000/1001", "24", "25", "30000/1001", "30", "50", "60")
"""The frame rates of MPEG-1 and MPEG-2 (ISO/IEC 13818-2 table 6-4)."""

SIZES = ((64, 48), (96, 64), (128, 96), (160, 90), (176, 144), (320, 180), (48, 128), (130, 50))
ODD_SIZES = ((65, 49), (97, 63), (161, 91), (99, 64))


@dataclass(frozen=True)
class Sound:
    """One audio track; `starts_s` is relative to the first frame in the file."""

    codec: str
    channels: int = 2
    rate_hz: int = 48_000
    starts_s: float = 0.0
    lasts_s: float = 2.0


@dataclass(frozen=True)
class Recipe:
    """A clip. Without `codec` it has no video; all defaults together are an ordinary clip."""

    container: str = "mkv"
    codec: str = "h264"
    sounds: tuple[Sound, ...] = ()
    width: int = 96
    height: int = 64
    pixels: str = "yuv420p"
    rate: str = "12"
    pictures: int = 24
    pace: str = "even"
    """`even`, `slides` (seconds apart) or `jitter` (each step up to four times as long)."""
    jump_s: float = 0.0
    """How far the times of video and audio jump, in the middle."""
    last_s: float = 0.0
    """The duration of the last frame; 0 is one step."""
    group: int = 12
    b_frames: int = 0
    open_group: bool = False
    intra_refresh: bool = False
    interlaced: bool = False
    rotation: int = 0
    aspect: str = "1"
    timescale: int = 0
    origin_s: float = 0.0
    skipped: int = 0
    """Frames that are missing at the start: the rest begins in the middle of a GOP."""
    front: float = 0.0
    """The share of the bytes that is cut off at the start."""
    back: float = 0.0
    """The share of the bytes that is cut off at the end."""
    header: str = "right"
    """The duration in the header: `right`, `missing`, `short` or `long`."""
    options: tuple[str, ...] = ()
    """Options of the muxer."""
    title: str = ""
    cover: bool = False
    chance: int = 0
    """Seed for the remaining choices."""

    @property
    def step_s(self) -> Fraction:
        """The duration of a frame."""
        return 1 / Fraction(self.rate)

    @property
    def damaged(self) -> bool:
        """Whether bytes are missing or corrupted."""
        return self.back > 0 or self.front > 0

    def __str__(self) -> str:
        """Only the fields that are not default, as Python."""
        said = [f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if _told(self, one.name)]
        return f"Recipe({', '.join(said)})"


def _told(recipe: Recipe, name: str) -> bool:
    return name in {"container", "codec"} or getattr(recipe, name) != getattr(ORDINARY, name)


ORDINARY = Recipe()


@dataclass(frozen=True)
class ContainerKind:
    """A container: its codecs, and the oddities that it supports."""

    pictures: tuple[str, ...]
    sounds: tuple[str, ...] = ()
    uneven: bool = True
    """Whether it can store times that are not multiples of a frame duration."""
    origins: tuple[float, ...] = (0.0,)
    cut: bool = False
    """Whether it may begin anywhere: a broadcast, a raw stream."""
    late_key: bool = True
    most_sounds: int = 3
    options: tuple[tuple[str, ...], ...] = ((),)
    headers: tuple[str, ...] = ("right",)


_LATER = (5.0, 0.04, 3600.0, 36_000.0)
_TS = (1.4, 0.0, *_LATER, WRAP_S - 0.5, WRAP_S - 2.0, WRAP_S - 60)
_IN_MP4 = ("h264", "hevc", "mpeg4", "av1", "vp9", "mpeg2video", "mjpeg")
_FRAGMENTED = "movflags=frag_keyframe+empty_moov+default_base_moof"

KINDS = {
    "mp4": ContainerKind(
        _IN_MP4,
        ("aac", "mp3", "ac3", "opus", "flac", "alac"),
        origins=(0.0, *_LATER, -0.5),
        options=((), ("movflags=faststart",), ("use_editlist=0",), ("movflags=negative_cts_offsets",)),
        headers=("right", "right", "right", "short", "long"),
    ),
    "fragmented.mp4": ContainerKind(
        ("h264", "hevc", "av1"),
        ("aac", "opus", "flac"),
        origins=(0.0, 5.0, 3600.0),
        options=((_FRAGMENTED,), ("movflags=frag_every_frame+empty_moov",), (_FRAGMENTED + "+delay_moov",)),
    ),
    "mov": ContainerKind(
        ("h264", "hevc", "mpeg4", "mjpeg", "prores"),
        ("aac", "pcm_s16le", "pcm_s24le", "mp3", "ac3", "alac"),
        origins=(0.0, *_LATER, -0.5),
    ),
    "mkv": ContainerKind(
        ("h264", "hevc", "mpeg4", "av1", "vp9", "vp8", "mpeg2video", "mjpeg", "ffv1", "prores"),
        ("aac", "mp3", "ac3", "opus", "vorbis", "flac", "pcm_s16le", "eac3"),
        origins=(0.0, 0.0, *_LATER),
        headers=("right", "right", "right", "missing", "short", "long"),
    ),
    "webm": ContainerKind(
        ("vp8", "vp9", "av1"),
        ("opus", "vorbis"),
        origins=(0.0, 5.0, 3600.0),
        headers=("right", "right", "missing"),
    ),
    "ts": ContainerKind(
        ("h264", "h264", "hevc", "mpeg2video"), ("aac", "mp2", "mp3", "ac3"), origins=_TS, cut=True, most_sounds=2
    ),
    "m2ts": ContainerKind(
        ("h264", "hevc", "mpeg2video"),
        ("ac3", "eac3"),
        origins=_TS,
        cut=True,
        options=(("mpegts_m2ts_mode=1",),),
    ),
    "mpg": ContainerKind(("mpeg2video", "mpeg1video"), ("mp2", "ac3", "mp3"), origins=(0.0, 5.0, WRAP_S - 2), cut=True),
    "avi": ContainerKind(("mpeg4", "mjpeg", "h264", "msmpeg4v3", "ffv1"), ("mp3", "ac3", "pcm_s16le"), uneven=False),
    "flv": ContainerKind(("h264", "flv"), ("aac", "mp3"), origins=(0.0, 5.0, 3600.0), most_sounds=1),
    "h264": ContainerKind(("h264",), uneven=False, cut=True),
    "hevc": ContainerKind(("hevc",), uneven=False, cut=True),
    "gif": ContainerKind(("gif",), late_key=False),
    "apng": ContainerKind(("apng",), late_key=False),
    "webp": ContainerKind(("libwebp_anim",), late_key=False),
    "mp3": ContainerKind((), ("mp3",), most_sounds=1),
    "m4a": ContainerKind((), ("aac", "alac"), most_sounds=1),
    "flac": ContainerKind((), ("flac",), most_sounds=1),
    "ogg": ContainerKind((), ("opus", "vorbis", "flac"), most_sounds=1),
}

WEIGHTS = {"mp4": 6, "mkv": 6, "ts": 6, "mov": 3, "webm": 3, "fragmented.mp4": 3, "m2ts": 2, "mpg": 2, "avi": 2}
WEIGHTS |= {"flv": 2}

COVERED = frozenset({"mp3", "m4a", "flac"})
ALONE = frozenset({"mkv", "mp4", "ts", "webm", "mov"})
"""Containers that may have a cover, and those that are sometimes audio only."""

REORDERED = frozenset({"h264", "hevc", "mpeg2video", "mpeg4"})
_RATES_HZ = {
    "opus": (48_000,),
    "ac3": (32_000, 44_100, 48_000),
    "eac3": (48_000,),
    "vorbis": (44_100, 48_000),
    "mp2": (32_000, 44_100, 48_000),
    "mp3": (22_050, 32_000, 44_100, 48_000),
}
_CHANNELS = {"mp3": (1, 2), "mp2": (1, 2), "vorbis": (2,), "ac3": (1, 2, 6), "eac3": (2, 6)}


def draw(seed: str, number: int) -> Recipe:
    """The recipe of that number."""
    chance = random.Random(f"{seed} {number}")  # noqa: S311  # it is to be repeatable
    name = chance.choices(list(KINDS), [WEIGHTS.get(name, 1) for name in KINDS])[0]
    kind = KINDS[name]
    recipe = Recipe(
        container=name,
        codec="",
        options=chance.choice(kind.options),
        title=chance.choice(("", "", "The Mountain", "Ünïcode <b>&amp;")),
        chance=chance.randrange(1 << 20),
        cover=name in COVERED and chance.random() < 0.5,
    )
    if kind.pictures and not (name in ALONE and chance.random() < 0.05):
        recipe = _with_picture(recipe, kind, chance)
        recipe = _odd_start(_odd_times(recipe, kind, chance), kind, chance)
    recipe = replace(recipe, sounds=_sounds(recipe, kind, chance))
    if recipe.origin_s < 0 and not _may_begin_early(recipe):
        recipe = replace(recipe, origin_s=0.0)
    if kind.headers and chance.random() < 0.5:
        recipe = replace(recipe, header=chance.choice(kind.headers))
    if chance.random() < 0.06 and not recipe.front:
        recipe = replace(recipe, back=chance.uniform(0.05, 0.6), header="right")
    return recipe


def _may_begin_early(recipe: Recipe) -> bool:
    """Whether each track still has data after its first half second, with unchanged durations.

    An edit list cuts the frame that overlaps the start; the demuxer keeps its full duration.
    """
    long = length_s(recipe) >= 1 and all(sound.lasts_s >= 1 for sound in recipe.sounds)
    return long and recipe.step_s <= Fraction(1, 10) and not recipe.jump_s and recipe.pace == "even"


def _with_picture(recipe: Recipe, kind: ContainerKind, chance: random.Random) -> Recipe:
    codec = chance.choice(kind.pictures)
    rate = chance.choice(MPEG_RATES if codec.startswith("mpeg") and codec != "mpeg4" else RATES)
    lasts_s = chance.uniform(0.04, LONGEST_S) if chance.random() < 0.3 else chance.uniform(0.5, 4)
    most = MOST_PICTURES if codec not in {"av1", "prores", "ffv1"} else 60
    many = max(1, min(most, round(lasts_s * Fraction(rate))))
    width, height = chance.choice(SIZES)
    pixels = "yuv420p"
    if codec in {"mjpeg", "mpeg4", "vp8", "vp9", "ffv1", "gif", "apng", "libwebp_anim"} and chance.random() < 0.3:
        width, height = chance.choice(ODD_SIZES)
    elif codec == "hevc":
        width = max(width, 64)  # x265 writes beyond its memory for less than a block
    elif codec == "h264" and chance.random() < 0.1:
        (width, height), pixels = chance.choice(ODD_SIZES), "yuv444p"
    reorders = codec in REORDERED and recipe.container != "avi"
    return replace(
        recipe,
        codec=codec,
        width=width,
        height=height,
        pixels={"prores": "yuv422p10le", "mjpeg": "yuvj420p", "gif": "rgb8", "apng": "rgb24"}.get(codec, pixels),
        rate=rate,
        pictures=chance.choice((1, 2, 3, 5, many, many, many, many, many, many)),
        group=chance.choice((1, 6, 12, 12, 25, 50, 250)),
        b_frames=chance.choice((0, 1, 2, 3)) if reorders else 0,
        open_group=reorders and chance.random() < 0.3,
        intra_refresh=codec == "h264" and chance.random() < 0.08,
        interlaced=codec in {"h264", "mpeg2video"} and height % 4 == 0 and chance.random() < 0.15,
        rotation=chance.choice((0, 0, 0, 90, 180, 270)) if recipe.container in {"mp4", "mov"} else 0,
        aspect=chance.choice(("1", "1", "1", "4/3", "16/11", "1/2")),
        timescale=chance.choice((0, 0, 600, 1000, 90_000)) if recipe.container in {"mp4", "mov"} else 0,
    )


def _odd_times(recipe: Recipe, kind: ContainerKind, chance: random.Random) -> Recipe:
    moving = recipe.container in {"h264", "hevc"}
    pace = "even" if moving else chance.choice(("even", "even", "even", "even", "jitter", "slides"))
    if pace == "slides":
        recipe = replace(recipe, pictures=min(recipe.pictures, chance.choice((2, 3, 4, 6, 8))))
    return replace(
        recipe,
        pace=pace,
        jump_s=chance.choice((0.3, 1.0, 3.0, 8.0)) if chance.random() < 0.1 and not moving else 0.0,
        # AVI has no durations.
        last_s=chance.choice((0.5, 2.0, 5.0)) if chance.random() < 0.1 and kind.uneven else 0.0,
        origin_s=chance.choice(kind.origins),
    )


def _odd_start(recipe: Recipe, kind: ContainerKind, chance: random.Random) -> Recipe:
    """Begin between two keyframes, however far the next one is, now and then."""
    if recipe.codec not in REORDERED | {"mpeg1video", "vp8", "vp9"} or not kind.late_key or recipe.pace == "slides":
        return recipe
    if kind.cut and chance.random() < 0.15 and recipe.pictures > 2 * recipe.group:
        return replace(recipe, front=chance.uniform(0.02, 0.4))
    if chance.random() > (0.25 if kind.cut else 0.05):
        return recipe
    late_s = chance.uniform(0.1, LATEST_KEY_S) if chance.random() < 0.4 else chance.uniform(0.1, 2)
    late = min(round(late_s * Fraction(recipe.rate)), 180)
    if late < 1:
        return recipe
    skipped = chance.choice((1, 2, 5))
    rest = min(recipe.pictures, 60)
    return replace(
        recipe, group=late + skipped, skipped=skipped, pictures=skipped + late + rest, pace="even", jump_s=0.0
    )


def length_s(recipe: Recipe) -> float:
    """The approximate duration of the video."""
    return float((recipe.pictures - recipe.skipped) * recipe.step_s) if recipe.codec else 0.0


def _sounds(recipe: Recipe, kind: ContainerKind, chance: random.Random) -> tuple[Sound, ...]:
    if not kind.sounds:
        return ()
    count = min(kind.most_sounds, chance.choice((0, 1, 1, 1, 1, 2, 3)))
    return tuple(_sound(recipe, kind, chance) for _ in range(max(count, 0 if recipe.codec else 1)))


def _sound(recipe: Recipe, kind: ContainerKind, chance: random.Random) -> Sound:
    codec = chance.choice(kind.sounds)
    rates = _RATES_HZ.get(codec, (8000, 22_050, 44_100, 48_000, 48_000))
    rate_hz = chance.choice((22_050, 44_100) if recipe.container == "flv" else rates)
    whole_s = length_s(recipe) or chance.uniform(0.05, 8)
    off_s = chance.choice((0.0, 0.0, 0.0, 0.0, 0.02, -0.02, 0.3, -0.3, 1.0, -1.0, 3.0, -3.0)) if recipe.codec else 0.0
    if recipe.container == "avi":
        off_s = max(0.0, off_s)  # the first packet begins at 0 there
    longer_s = chance.choice((0.0, 0.0, 0.0, 0.0, 0.5, -0.5, 3.0, -2.0))
    return Sound(
        codec=codec,
        channels=chance.choice(_CHANNELS.get(codec, (1, 2, 2, 2, 6))),
        rate_hz=rate_hz,
        starts_s=off_s,
        lasts_s=round(max(0.05, whole_s - off_s + longer_s), 3),
    )


def simpler(recipe: Recipe) -> list[Recipe]:
    """The variants with one oddity less."""
    found = [
        replace(recipe, **{one.name: getattr(ORDINARY, one.name)})
        for one in fields(recipe)
        if one.name not in {"container", "codec", "sounds", "pixels", "chance"} and _told(recipe, one.name)
    ]
    plain = [replace(sound, starts_s=0.0, lasts_s=2.0, channels=2) for sound in recipe.sounds]
    others = [(), recipe.sounds[:1], recipe.sounds[1:], tuple(plain)]
    fewer = [sounds for sounds in others if sounds != recipe.sounds and (sounds or recipe.codec)]
    return found + [replace(recipe, sounds=sounds) for sounds in fewer]

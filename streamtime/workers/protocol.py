"""The messages between the server and the confined child process.

One Unix stream socket carries frames: four bytes of length (big-endian), then one msgpack struct. The server sends
orders; the child answers each with messages, of which the last is `OrderDone`, `OrderFailed`, or the result of the
order (`ProbeResult`, `Confinement`, `ProfilePictureMade`). The descriptors that an order's `output` numbers name
travel beside the length of that frame (SCM_RIGHTS), so the child never opens a file. The child serves orders one
after another until the socket closes.

    server                                            child
    Handshake                                   ->
                                                <-    Confinement | OrderFailed
    Probe                                       ->
                                                <-    ProbeResult | OrderFailed
    Package + descriptors                       ->
                                                <-    RenditionStarted, SegmentWritten ..., RenditionFinished
                                                      (of several outputs, interleaved), CuesRead, PosterWritten,
                                                      OrderProgress
                                                <-    OrderDone | OrderFailed
    MakeStills + descriptors                    ->    (the source is a finished rendition)
                                                <-    StillWritten ..., PosterWritten, OrderProgress
                                                <-    OrderDone | OrderFailed
    MakeProfilePicture                          ->    (the source is a still image)
                                                <-    ProfilePictureMade | OrderFailed

Times of a package begin at 0, which is `origin_us` of the source: the first picture shown.
"""

import struct
from fractions import Fraction

import msgspec

from streamtime.captions.cue import Cue
from streamtime.hls.ladder import PlannedRung
from streamtime.hls.segment_index import Grid
from streamtime.hls.storyboard import FrameLocation
from streamtime.workers.probe_result import ProbeResult

MAX_OUTPUTS = 64
"""Descriptors in one order at most; Linux takes 253 in one message."""

MAX_ORDER_BYTES = 16 << 20
"""A grid of a day's worth of cuts has far less."""

MAX_MESSAGE_BYTES = 1 << 20
"""The server reads no more than this from a child at once: the child is not trusted."""

FRAME_LENGTH = struct.Struct(">I")

DEFAULT_MEMORY_LIMIT_BYTES = 3 << 30
"""Twice what six rungs of 4K were seen to take."""


class WorkerLimits(msgspec.Struct, frozen=True):
    """How far a child may go, told on its command line. Resident memory is watched by the server."""

    niceness: int = 0
    memory_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES
    allow_unconfined: bool = False
    """Whether it may work where the kernel has no seccomp."""

    def arguments(self) -> list[str]:
        """What stands on the command line after the descriptors."""
        return [str(self.niceness), str(self.memory_bytes), str(int(self.allow_unconfined))]

    @classmethod
    def from_arguments(cls, arguments: list[str]) -> "WorkerLimits":
        """Read them again.

        Raises:
            ValueError: if they are not three numbers.
        """
        niceness, memory_bytes, allow_unconfined = map(int, arguments)
        return cls(niceness, memory_bytes, bool(allow_unconfined))


class Handshake(msgspec.Struct, frozen=True, tag="introduce"):
    """Tell which layers of the confinement are in force."""


class Confinement(msgspec.Struct, frozen=True, tag="confinement"):
    """The answer to `Handshake`: the names of layers, those missing with the kernel's reason in brackets."""

    in_force: tuple[str, ...]
    missing: tuple[str, ...]


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    """Tell what the source is."""


class CopyVideo(msgspec.Struct, frozen=True):
    """Take the source's picture over as it is. Only where `VideoFacts.copyable`."""

    output: int


class Resume(msgspec.Struct, frozen=True):
    """Go on with an output after its last whole segment, where its file ends: `segments` and `bytes_total` so far.

    `starts` is where the next segment begins, and `lead_in` where the one two before it begins (or 0), in ticks of
    `1 / timescale` seconds: pictures from there on tell how it went on to the joint. What is added must fit the init
    segment that is there, the first `init_length` bytes: where it would not, the answer is `resume_unfit`.
    """

    segments: int
    init_length: int
    bytes_total: int
    starts: int
    lead_in: int
    timescale: int

    @property
    def starts_s(self) -> Fraction:
        """Where the next segment begins, in seconds."""
        return Fraction(self.starts, self.timescale)

    @property
    def lead_in_s(self) -> Fraction:
        """From where on pictures are wanted, in seconds."""
        return Fraction(self.lead_in, self.timescale)


class EncodeVideo(msgspec.Struct, frozen=True):
    """Encode the picture to one rung."""

    output: int
    rung: PlannedRung
    resume: Resume | None = None


class PackageAudio(msgspec.Struct, frozen=True):
    """Make a rendition of one sound track: `stream` as in `AudioInfo`. `copy` only where `AudioInfo.copyable`."""

    output: int
    stream: int
    copy: bool = False
    resume: Resume | None = None


class MakePoster(msgspec.Struct, frozen=True):
    """Write a JPEG of a telling picture, or of the one at `at_ms`, at most `max_width` pixels wide."""

    output: int
    max_width: int = 1280
    at_ms: int | None = None


class ReadCaptions(msgspec.Struct, frozen=True):
    """Tell the cues of one subtitle track: `stream` as in `SubtitleInfo`, one whose `is_text` is true."""

    stream: int


class Package(msgspec.Struct, frozen=True, tag="package"):
    """Make renditions and a poster, all in one reading of the source and one decode of its picture.

    `origin_us` and `video_stream` are those of `ProbeResult`. `grid` says where encoded rungs are cut; a copied
    picture cuts itself. Every `output` is an index into the descriptors sent along, each used once. `duration_ms` is
    what the file claims, or with `measured` what a reading to its end has told: then all tracks last that long.
    """

    origin_us: int
    video_stream: int | None = None
    copy: CopyVideo | None = None
    encodes: tuple[EncodeVideo, ...] = ()
    audios: tuple[PackageAudio, ...] = ()
    captions: tuple[ReadCaptions, ...] = ()
    poster: MakePoster | None = None
    grid: Grid = Grid.regular()
    duration_ms: int | None = None
    measured: bool = False


class MakeSheet(msgspec.Struct, frozen=True):
    """Write a JPEG with small pictures in rows of `columns`; the last row may be short."""

    output: int
    tiles: tuple[FrameLocation, ...]
    columns: int
    tile_width: int
    tile_height: int


class MakePreview(msgspec.Struct, frozen=True):
    """Write a short silent MP4 of pieces that follow each other, each `piece_ms` long."""

    output: int
    pieces: tuple[tuple[FrameLocation, ...], ...]
    """For each piece the segments it is cut from; the first one says when it begins."""
    piece_ms: int
    width: int
    height: int


class PosterAt(msgspec.Struct, frozen=True):
    """Write a JPEG of one picture, at most `max_width` pixels wide; the rendition is shown as `width` x `height`."""

    output: int
    location: FrameLocation
    width: int
    height: int
    max_width: int = 1280


class MakeStills(msgspec.Struct, frozen=True, tag="stills"):
    """Make pictures out of a finished rendition, whose init segment is its first `init_length` bytes."""

    init_length: int
    sheets: tuple[MakeSheet, ...] = ()
    preview: MakePreview | None = None
    poster: PosterAt | None = None


class MakeProfilePicture(msgspec.Struct, frozen=True, tag="portrait"):
    """Make a square JPEG, `side` pixels wide, of the middle of a still picture, upright and without what it carries."""

    side: int


Order = Handshake | Probe | Package | MakeStills | MakeProfilePicture


class RenditionStarted(msgspec.Struct, frozen=True, tag="rendition_started"):
    """The init segment of one output is written: its first `init_length` bytes. Sizes and fps are 0 for sound."""

    output: int
    codecs: str
    init_length: int
    timescale: int
    width: int = 0
    height: int = 0
    fps_num: int = 0
    fps_den: int = 1
    channels: int = 0
    sample_rate_hz: int = 0

    @property
    def fps(self) -> Fraction:
        """Frames a second; 0 for sound."""
        return Fraction(self.fps_num, self.fps_den)


class SegmentWritten(msgspec.Struct, frozen=True, tag="segment_written"):
    """One more segment is whole: the `length` bytes after what was written before. `duration` is in the timescale.

    Its first `keyframe_length` bytes hold its header and its first picture, or first piece of sound.
    """

    output: int
    length: int
    duration: int
    keyframe_length: int = 0


class RenditionFinished(msgspec.Struct, frozen=True, tag="rendition_finished"):
    """The output has all its segments; `sha256` is of all its bytes.

    `fps` is given where there are more or fewer pictures a second than `RenditionStarted` said; else it is 0.
    """

    output: int
    bytes_total: int
    sha256: bytes
    fps_num: int = 0
    fps_den: int = 1

    @property
    def fps(self) -> Fraction:
        """Pictures a second, as counted; 0 where what was said before is true."""
        return Fraction(self.fps_num, self.fps_den)


class CuesRead(msgspec.Struct, frozen=True, tag="cues_read"):
    """Cues of one subtitle track, in no certain order; with `last` there are no more of it."""

    stream: int
    cues: tuple[Cue, ...]
    last: bool


class PosterWritten(msgspec.Struct, frozen=True, tag="poster_written"):
    """The poster is whole; `sha256` is of its bytes. Where no picture could be found there is no such message."""

    output: int
    bytes_total: int
    width: int
    height: int
    sha256: bytes


class StillWritten(msgspec.Struct, frozen=True, tag="still_written"):
    """A sheet or a preview is whole; `sha256` is of its bytes."""

    output: int
    bytes_total: int
    sha256: bytes


class ProfilePictureMade(msgspec.Struct, frozen=True, tag="portrait_made"):
    """The answer to a `MakeProfilePicture`: a JPEG, small enough for one message."""

    jpeg: bytes


class OrderProgress(msgspec.Struct, frozen=True, tag="progress"):
    """Work goes on: about every half second while it does. `speed` is seconds of video a second."""

    fraction: float
    speed: float


class OrderDone(msgspec.Struct, frozen=True, tag="done"):
    """The order is fulfilled. `damaged_after_ms` where the source broke off early: what came before it plays."""

    duration_ms: int
    damaged_after_ms: int | None = None


class OrderFailed(msgspec.Struct, frozen=True, tag="failed"):
    """The order cannot be fulfilled: `code` for programs, `message` in plain words for the file's owner."""

    code: str
    message: str
    retryable: bool = False


PackageMessage = (
    RenditionStarted | SegmentWritten | RenditionFinished | CuesRead | PosterWritten | OrderProgress | OrderDone
)
StillsMessage = StillWritten | PosterWritten | OrderProgress | OrderDone
Message = Confinement | ProbeResult | PackageMessage | StillsMessage | ProfilePictureMade | OrderFailed

PERMANENT_FAILURE_CODES = frozenset(
    {"damaged", "empty", "incomplete", "no_video", "not_media", "too_large", "unsupported_codec"}
)
"""Codes of `OrderFailed` that tell what the file itself is: another attempt with this version ends in the same way."""

_encoder = msgspec.msgpack.Encoder()
_orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(value: Order | Message) -> bytes:
    """Pack one frame without its length."""
    return _encoder.encode(value)


def decode_order(frame: bytes) -> Order:
    """Unpack what the server said.

    Raises:
        ValueError: if it is no order.
    """
    return _orders.decode(frame)


def decode_message(frame: bytes) -> Message:
    """Unpack what the child said.

    Raises:
        ValueError: if it is no message.
    """
    return _messages.decode(frame)


def output_count(order: Package | MakeStills) -> int:
    """Tell how many descriptors belong to the order.

    Raises:
        ValueError: if the output numbers are not 0, 1, 2 ... each used once.
    """
    entries = (
        (*order.sheets, order.preview, order.poster)
        if isinstance(order, MakeStills)
        else (order.copy, *order.encodes, *order.audios, order.poster)
    )
    used = [entry.output for entry in entries if entry is not None]
    if sorted(used) != list(range(len(used))) or len(used) > MAX_OUTPUTS:
        raise ValueError("outputs are numbered from 0, each used once")
    return len(used)

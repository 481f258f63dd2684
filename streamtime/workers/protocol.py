"""The messages between the server and a confined worker process.

A Unix stream socket carries frames: four bytes of length (big-endian), then one msgpack struct. The server sends
orders; the worker answers each with messages, the last of which is `OrderDone`, `OrderFailed`, or the result of the
order (`ProbeResult`, `Confinement`, `PictureMade`). The descriptors for an order's `output` numbers are sent
with the length of its frame (SCM_RIGHTS), so the worker never opens a file. The worker executes one order after
another until the socket closes.

    server                                            worker
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
    Cut + descriptor                            ->
                                                <-    OrderProgress, CutWritten
                                                <-    OrderDone | OrderFailed
    MakeProfilePicture | MakePosterPicture      ->    (the source is a still image)
                                                <-    PictureMade | OrderFailed

Times of a package start at 0, which is `origin_us` of the source: the first frame shown.
"""

import struct
from fractions import Fraction

import msgspec

from streamtime.captions.cue import Cue
from streamtime.hls.ladder import PlannedRung
from streamtime.hls.segment_index import Grid
from streamtime.hls.storyboard import FrameLocation
from streamtime.workers.cut_order import Cut, CutWritten
from streamtime.workers.probe_result import ProbeResult

MAX_OUTPUTS = 64
"""Maximum number of descriptors in one order; Linux allows 253 in one message."""

MAX_ORDER_BYTES = 16 << 20
"""The grid of a 24-hour video is far smaller."""

MAX_MESSAGE_BYTES = 1 << 20
"""The server accepts no longer message from a worker, which is untrusted."""

FRAME_LENGTH = struct.Struct(">I")

DEFAULT_MEMORY_LIMIT_BYTES = 3 << 30
"""Twice what an encode of six rungs from a 4K source was measured to use."""


class WorkerLimits(msgspec.Struct, frozen=True):
    """Limits of a worker, passed on its command line. The server enforces the limit on resident memory."""

    niceness: int = 0
    memory_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES
    allow_unconfined: bool = False
    """Whether it may work where the kernel has no seccomp."""

    def arguments(self) -> list[str]:
        """Command-line arguments that follow the two descriptors."""
        return [str(self.niceness), str(self.memory_bytes), str(int(self.allow_unconfined))]

    @classmethod
    def from_arguments(cls, arguments: list[str]) -> "WorkerLimits":
        """Parse `arguments`.

        Raises:
            ValueError: if they are not three numbers.
        """
        niceness, memory_bytes, allow_unconfined = map(int, arguments)
        return cls(niceness, memory_bytes, bool(allow_unconfined))


class Handshake(msgspec.Struct, frozen=True, tag="introduce"):
    """Ask which confinement layers are in force."""


class Confinement(msgspec.Struct, frozen=True, tag="confinement"):
    """The answer to `Handshake`: names of layers; a missing one has the kernel's reason in brackets."""

    in_force: tuple[str, ...]
    missing: tuple[str, ...]


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    """Ask for the tracks and lengths of the source, rotated clockwise by `rotate` degrees: 0, 90, 180 or 270."""

    rotate: int = 0


class CopyVideo(msgspec.Struct, frozen=True):
    """Copy the source's video track without encoding. Only if `VideoInfo.copyable`."""

    output: int


class Resume(msgspec.Struct, frozen=True):
    """Continue an output after its last whole segment; `segments` and `bytes_total` describe what exists.

    `starts` is the start of the next segment, and `lead_in` the start of the segment two before it (or 0), in ticks of
    `1 / timescale` seconds: frames from `lead_in` on restore the encoder's timing. New segments must match the existing
    init segment, which is the first `init_length` bytes; otherwise the answer is `resume_unfit`.
    """

    segments: int
    init_length: int
    bytes_total: int
    starts: int
    lead_in: int
    timescale: int

    @property
    def starts_s(self) -> Fraction:
        """Start of the next segment, in seconds."""
        return Fraction(self.starts, self.timescale)

    @property
    def lead_in_s(self) -> Fraction:
        """First time for which frames are decoded, in seconds."""
        return Fraction(self.lead_in, self.timescale)


class EncodeVideo(msgspec.Struct, frozen=True):
    """Encode the video to one rung."""

    output: int
    rung: PlannedRung
    resume: Resume | None = None


class PackageAudio(msgspec.Struct, frozen=True):
    """Make a rendition of one audio track; `stream` as in `AudioInfo`. `copy` only if `AudioInfo.copyable`."""

    output: int
    stream: int
    copy: bool = False
    resume: Resume | None = None


class MakePoster(msgspec.Struct, frozen=True):
    """Write a JPEG of a representative frame, or of the frame at `at_ms`, at most `max_width` pixels wide."""

    output: int
    max_width: int = 1280
    at_ms: int | None = None


class ReadCaptions(msgspec.Struct, frozen=True):
    """Read the cues of one text subtitle track; `stream` as in `SubtitleInfo`."""

    stream: int


class Package(msgspec.Struct, frozen=True, tag="package"):
    """Make renditions and a poster in one pass over the source with one decode of its video.

    `origin_us` and `video_stream` come from `ProbeResult`. Encoded rungs are cut at `grid`; a copied video is cut at
    its own keyframes. Every `output` is an index into the descriptors of the order, each used once. `duration_ms` is
    the duration declared by the file, or, with `measured`, the one found by reading it to the end: then all tracks are
    extended to that length.
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
    rotate: int = 0
    """As in `Probe`."""


class MakeSheet(msgspec.Struct, frozen=True):
    """Write a JPEG sheet of thumbnails in rows of `columns`; the last row may be short."""

    output: int
    tiles: tuple[FrameLocation, ...]
    columns: int
    tile_width: int
    tile_height: int


class MakePreview(msgspec.Struct, frozen=True):
    """Write a short silent MP4 of consecutive clips, each `clip_ms` long."""

    output: int
    clips: tuple[tuple[FrameLocation, ...], ...]
    """For each clip, the segments that contain it; the first one gives its start."""
    clip_ms: int
    width: int
    height: int


class PosterAt(msgspec.Struct, frozen=True):
    """Write a JPEG of one frame, at most `max_width` pixels wide; `width` x `height` is the display size."""

    output: int
    location: FrameLocation
    width: int
    height: int
    max_width: int = 1280


class MakeStills(msgspec.Struct, frozen=True, tag="stills"):
    """Make images from a finished rendition; its init segment is the first `init_length` bytes."""

    init_length: int
    sheets: tuple[MakeSheet, ...] = ()
    preview: MakePreview | None = None
    poster: PosterAt | None = None


class MakeProfilePicture(msgspec.Struct, frozen=True, tag="portrait"):
    """Make a square JPEG, `side` pixels wide, from the centre of a still image, upright and without metadata."""

    side: int


class MakePosterPicture(msgspec.Struct, frozen=True, tag="poster_picture"):
    """Make a JPEG of this size from the centre of a still image, upright and without metadata."""

    width: int
    height: int


Order = Handshake | Probe | Package | MakeStills | MakeProfilePicture | MakePosterPicture | Cut


class RenditionStarted(msgspec.Struct, frozen=True, tag="rendition_started"):
    """The init segment of one output is written: its first `init_length` bytes. Sizes and fps are 0 for audio."""

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
        """Frames per second; 0 for audio."""
        return Fraction(self.fps_num, self.fps_den)


class SegmentWritten(msgspec.Struct, frozen=True, tag="segment_written"):
    """A segment is complete: the `length` bytes after the previous one. `duration` is in timescale ticks.

    Its first `keyframe_length` bytes contain its header and its first frame.
    """

    output: int
    length: int
    duration: int
    keyframe_length: int = 0


class RenditionFinished(msgspec.Struct, frozen=True, tag="rendition_finished"):
    """All segments of the output are written; `sha256` is of all its bytes.

    The frame rate is given if it differs from that of `RenditionStarted`; else it is 0.
    """

    output: int
    bytes_total: int
    sha256: bytes
    fps_num: int = 0
    fps_den: int = 1

    @property
    def fps(self) -> Fraction:
        """The measured frames per second; 0 if the rate of `RenditionStarted` is right."""
        return Fraction(self.fps_num, self.fps_den)


class CuesRead(msgspec.Struct, frozen=True, tag="cues_read"):
    """Cues of one subtitle track, in no particular order; `last` marks the track's last message."""

    stream: int
    cues: tuple[Cue, ...]
    last: bool


class PosterWritten(msgspec.Struct, frozen=True, tag="poster_written"):
    """The poster is written; `sha256` is of its bytes. The message is omitted if no frame could be decoded."""

    output: int
    bytes_total: int
    width: int
    height: int
    sha256: bytes


class StillWritten(msgspec.Struct, frozen=True, tag="still_written"):
    """A sheet or preview is written; `sha256` is of its bytes."""

    output: int
    bytes_total: int
    sha256: bytes


class PictureMade(msgspec.Struct, frozen=True, tag="portrait_made"):
    """The answer to `MakeProfilePicture` and `MakePosterPicture`: a JPEG that fits into one message."""

    jpeg: bytes


class OrderProgress(msgspec.Struct, frozen=True, tag="progress"):
    """Sent about every half second while work advances. `speed` is seconds of video per second."""

    fraction: float
    speed: float


class OrderDone(msgspec.Struct, frozen=True, tag="done"):
    """The order is complete. `damaged_after_ms` is set if the source ended early: what precedes it plays."""

    duration_ms: int
    damaged_after_ms: int | None = None


class OrderFailed(msgspec.Struct, frozen=True, tag="failed"):
    """The order failed: `code` for programs, `message` for the file's owner."""

    code: str
    message: str
    retryable: bool = False


PackageMessage = (
    RenditionStarted | SegmentWritten | RenditionFinished | CuesRead | PosterWritten | OrderProgress | OrderDone
)
StillsMessage = StillWritten | PosterWritten | OrderProgress | OrderDone
CutMessage = CutWritten | OrderProgress | OrderDone
Message = Confinement | ProbeResult | PackageMessage | StillsMessage | CutMessage | PictureMade | OrderFailed

PERMANENT_FAILURE_CODES = frozenset(
    {"damaged", "empty", "incomplete", "no_video", "not_media", "too_large", "unsupported_codec"}
)
"""Codes of `OrderFailed` that are properties of the file: with this version, every attempt gives the same result."""

_encoder = msgspec.msgpack.Encoder()
_orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(value: Order | Message) -> bytes:
    """Encode one frame without its length."""
    return _encoder.encode(value)


def decode_order(frame: bytes) -> Order:
    """Decode a message from the server.

    Raises:
        ValueError: if it is no order.
    """
    return _orders.decode(frame)


def decode_message(frame: bytes) -> Message:
    """Decode a message from the worker.

    Raises:
        ValueError: if it is no message.
    """
    return _messages.decode(frame)


def output_count(order: Package | MakeStills) -> int:
    """Return how many descriptors the order needs.

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

"""Writes one rendition: packets in, a fragmented MP4 to a descriptor, and a message for each segment.

The muxer's flags:

- `frag_keyframe` (and `frag_duration` for audio, which it does not cut): one fragment is one segment.
- `delay_moov`, not `empty_moov`: the latter writes a first decode time of 0 whatever the first packet says.
- `frag_discont`: decode times follow the packets, so renditions that start later stay in sync.
- not `cmaf`: its negative composition offsets make some players show B-frames two frames late.
- `skip_trailer`: an index at the end would belong to no segment.

Codec names for playlists (RFC 6381) are read from the written init segment.
"""

import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from streamtime.media import order_errors
from streamtime.media.channel import Reporter
from streamtime.media.fragments import first_sample_end
from streamtime.media.source import AnyPacket
from streamtime.media.timestamps import TailBuffer
from streamtime.workers.protocol import RenditionFinished, RenditionStarted, Resume, SegmentWritten

_AVC = struct.Struct(">BBBB")
_DECODER_SPECIFIC = 5
_MORE = 0x80


def codecs_of(init: bytes) -> str:
    """Return the codec of the track in an init segment: `avc1.64001F` or `mp4a.40.2`.

    Raises:
        ValueError: if it is neither H.264 nor AAC.
    """
    if (found := init.find(b"avcC")) >= 0:
        _version, profile, constraints, level = _AVC.unpack_from(init, found + 4)
        return f"avc1.{profile:02X}{constraints:02X}{level:02X}"
    if (found := init.find(b"esds")) >= 0:
        return f"mp4a.40.{_audio_config(init, found)[0] >> 3}"
    raise ValueError("the init segment has neither H.264 nor AAC")


def _audio_config(init: bytes, esds: int) -> bytes:
    """Return the decoder configuration, which is inside nested descriptors, each with a tag and a length."""
    position = esds + 8
    skipped = {3: 3, 4: 13}
    while position < len(init):
        tag = init[position]
        position, length = _descriptor_length(init, position + 1)
        if tag == _DECODER_SPECIFIC:
            return init[position : position + length]
        position += skipped.get(tag, length)
    raise ValueError("the init segment has no audio configuration")


def _descriptor_length(init: bytes, position: int) -> tuple[int, int]:
    length = 0
    for step in range(4):
        byte = init[position + step]
        length = length << 7 | byte & ~_MORE
        if not byte & _MORE:
            return position + step + 1, length
    return position + 4, length


_MOVFLAGS = "frag_keyframe+delay_moov+default_base_moof+frag_discont+skip_trailer"
_BUFFER_BYTES = 1 << 20
_BOX = struct.Struct(">I4s")
_LONG = struct.Struct(">Q")
_NUMBER = struct.Struct(">I")
_EDIT_MEDIA_TIME = 16
"""Offset from the name of an edit list (version 0): name, version, count and duration of 4 bytes each."""
_MAX_CHECK_BYTES = 32 << 20


class SegmentedOutput:
    """Receives the muxer's output, writes it, and detects the ends of the init segment and of each segment."""

    def __init__(self, descriptor: int, *, collects_check_data: bool = False) -> None:
        self.bytes_total = 0
        self.init: bytes | None = None
        self.check_data = bytearray()
        """The bytes up to the end of the first sample, if they are collected."""
        self._collects_check_data = collects_check_data
        self.finished: list[tuple[int, int]] = []
        """For each finished segment, its length and the end of its first sample."""
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        self._head = bytearray()
        self._left = 0
        self._kind = b""
        self._start = bytearray()
        self._segment_began = 0
        self._first_sample_end = 0

    @property
    def sha256(self) -> bytes:
        """SHA-256 of all bytes so far."""
        return self._digest.digest()

    def write(self, data: bytes) -> int:
        """Write the muxer's output to the descriptor."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._digest.update(data)
        if self._collects_check_data:
            self.check_data += data
        self._parse(memoryview(data))
        if self._collects_check_data and (self.finished or len(self.check_data) > _MAX_CHECK_BYTES):
            self._collects_check_data = False
            del self.check_data[len(self.init or b"") + self._first_sample_end :]
        return len(data)

    def _parse(self, view: memoryview) -> None:
        while view:
            if not self._left:
                view = self._read_head(view)
            taken = min(self._left, len(view))
            if self.init is None or self._kind == b"moof":
                self._start += view[:taken]
            self.bytes_total += taken
            self._left -= taken
            view = view[taken:]
            if not self._left and self._kind:
                self._end_box()

    def _read_head(self, view: memoryview) -> memoryview:
        wanted = _BOX.size + _LONG.size if self._head[:4] == b"\0\0\0\1" else _BOX.size
        taken = min(wanted - len(self._head), len(view))
        self._head += view[:taken]
        if len(self._head) == wanted:
            self._begin_box()
        return view[taken:]

    def _begin_box(self) -> None:
        size, kind = _BOX.unpack_from(self._head)
        if size == 1 and len(self._head) == _BOX.size:
            return
        if size == 1:
            (size,) = _LONG.unpack_from(self._head, _BOX.size)
        self._kind = kind
        self._left = size - len(self._head)
        self.bytes_total += len(self._head)
        if self.init is None or kind == b"moof":
            self._start += self._head
        self._head.clear()
        if self._left <= 0:
            self._end_box()

    def _end_box(self) -> None:
        kind, self._kind = self._kind, b""
        if kind == b"moov":
            self.init = bytes(self._start)
            self._start.clear()
            self._segment_began = self.bytes_total
        elif kind == b"moof":
            moof_began = self.bytes_total - len(self._start) - self._segment_began
            self._first_sample_end = moof_began + first_sample_end(bytes(self._start))
            self._start.clear()
        elif kind == b"mdat":
            self.finished.append((self.bytes_total - self._segment_began, self._first_sample_end))
            self._segment_began = self.bytes_total


class ResumedOutput(SegmentedOutput):
    """Appends to a file: the second init segment is compared with the first and dropped.

    The two may differ in the offset between decoding and presentation if frame intervals are uneven: then the following
    decode times are shifted by the difference.
    """

    def __init__(self, descriptor: int, resume: Resume) -> None:
        super().__init__(descriptor)
        self._held = bytearray()
        self._expected = os.pread(descriptor, resume.init_length, 0)
        self._dts_shift = 0
        self.bytes_total = self._segment_began = os.lseek(descriptor, 0, os.SEEK_END)
        if self.bytes_total != resume.bytes_total:
            raise order_errors.resume_unfit("its file has the wrong length")
        for offset in range(0, resume.bytes_total, _BUFFER_BYTES):
            self._digest.update(os.pread(descriptor, min(_BUFFER_BYTES, resume.bytes_total - offset), offset))

    def write(self, data: bytes) -> int:
        """Take the muxer's output; the init segment is not written.

        Raises:
            OrderError: with `resume_unfit` if the output does not match the first init segment.
        """
        self._held += data
        while (length := _box_length(self._held, 0)) is not None:
            box, self._held = self._held[:length], self._held[length:]
            if self.init is not None:
                super().write(_shift_decode_time(box, self._dts_shift))
                continue
            self._start += box
            if box[4:8] == b"moov":
                self._accept_init(self._start)
        return len(data)

    def _accept_init(self, init: bytearray) -> None:
        ahead, expected_ahead = _clear_edit_offset(init), _clear_edit_offset(expected := bytearray(self._expected))
        if init != expected:
            raise order_errors.resume_unfit("the settings of the encoder have changed")
        self._dts_shift = expected_ahead - ahead
        self.init = self._expected
        self._start.clear()


def _box_length(data: bytearray, at: int) -> int | None:
    """Return the length of the box at `at`; None if it is incomplete."""
    if at + _BOX.size > len(data):
        return None
    size, _kind = _BOX.unpack_from(data, at)
    if size == 1 and at + _BOX.size + _LONG.size <= len(data):
        (size,) = _LONG.unpack_from(data, at + _BOX.size)
    return size if _BOX.size <= size <= len(data) - at else None


def _clear_edit_offset(init: bytearray) -> int:
    """Return the offset between decoding and presentation in ticks, and set it to 0 in the edit list."""
    at = init.find(b"elst")
    if at < 0:
        return 0
    (ahead,) = _NUMBER.unpack_from(init, at + _EDIT_MEDIA_TIME)
    _NUMBER.pack_into(init, at + _EDIT_MEDIA_TIME, 0)
    return int(ahead)


def _shift_decode_time(box: bytearray, ticks: int) -> bytes:
    """Shift the decode time of a fragment."""
    at = box.find(b"tfdt") if ticks and box[4:8] == b"moof" else -1
    if at >= 0:
        (time,) = _LONG.unpack_from(box, at + _BOX.size)
        _LONG.pack_into(box, at + _BOX.size, time + ticks)
    return bytes(box)


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """Where a rendition goes: its number in the order, the descriptor of its file, and who is told of its segments."""

    output: int
    descriptor: int
    reporter: Reporter


class RenditionWriter:
    """One output: `mux` packets of `stream`, then `finish`.

    `make_stream` adds the stream to its container. A segment's duration is counted from its own first packet to that of
    the next in presentation order, where other renditions are cut too. `check`, if given, gets the init segment and the
    first sample before anything is announced.
    """

    def __init__(
        self,
        target: OutputTarget,
        make_stream: Callable[[OutputContainer], Stream],
        *,
        fragment_options: dict[str, str],
        describe: Callable[[str, int, int], RenditionStarted],
        resume: Resume | None = None,
        check: Callable[[bytes], None] | None = None,
    ) -> None:
        self.output = target.output
        self._reporter = target.reporter
        self._describe = describe
        self._resume = resume
        self._check = check
        collects_check_data = check is not None
        self._muxed = (
            SegmentedOutput(target.descriptor, collects_check_data=collects_check_data)
            if resume is None
            else ResumedOutput(target.descriptor, resume)
        )
        if resume is not None:
            fragment_options = {**fragment_options, "fragment_index": str(resume.segments + 1)}
        self._container = av.open(
            self._muxed,
            "w",
            format="mp4",
            options={"movflags": _MOVFLAGS, "flush_packets": "1", **fragment_options},
            buffer_size=_BUFFER_BYTES,
        )
        self.stream = make_stream(self._container)
        # Kept here: PyAV 19 does not return it after the container is closed.
        self._time_base = Fraction(1, 1000)
        self._scale = Fraction(1)
        self._tick_s = 0.0
        self._segment_start: int | None = None
        self._end = 0
        self._announced = False
        self._tail_buffer = TailBuffer()
        self._has_video = isinstance(self.stream, VideoStream)
        self._fps = Fraction(0)
        self._segments = resume.segments if resume is not None else 0

    @property
    def end_s(self) -> float:
        """End of the rendition, in seconds."""
        before_s = float(self._resume.starts_s) if self._resume is not None else 0.0
        return max(before_s, float(self._end * self._time_base))

    @property
    def segments(self) -> int:
        """Number of complete segments."""
        return self._segments

    def mux(self, packet: AnyPacket) -> None:
        """Write a packet with a time on the video's timeline; the first is a keyframe."""
        packet.stream = self.stream
        if self._segment_start is None:
            self._begin(packet)
        pts = self._ticks(packet.pts or 0)
        if self._segment_start is None:
            self._segment_start = pts
            self._check_resume_point(pts)
        ready = self._tail_buffer.take(packet) if self._has_video else packet
        if ready is not None:
            self._write(ready)
        self._end = max(self._end, self._ticks((packet.pts or 0) + (packet.duration or 0)))
        self._reporter.advance(pts * self._tick_s)

    def finish(self, until_s: float | None = None, *, last_duration: int | None = None) -> None:
        """Write what is left and announce the end. A rendition without packets is not announced.

        `last_duration` is the duration of the last frame in ticks, instead of its packet's own; with `until_s` the
        frame is extended until then, if that is later.
        """
        if self._has_video and self._tail_buffer.held:
            self._end = self._ticks(self._tail_buffer.finish(last_duration, until_s))
        for packet in self._tail_buffer.held:
            self._write(packet)
        self._container.close()
        self._segments_ended(self._end)
        if self._announced or self._resume is not None:
            rate = Fraction(0) if self._resume is not None else self._tail_buffer.measured_rate(self._fps)
            self._reporter.send(
                RenditionFinished(
                    self.output, self._muxed.bytes_total, self._muxed.sha256, rate.numerator, rate.denominator
                )
            )

    def _write(self, packet: AnyPacket) -> None:
        pts = self._ticks(packet.pts or 0)
        self._container.mux_one(packet)
        if self._muxed.finished:
            self._segments_ended(pts)

    def _ticks(self, time: int) -> int:
        return time * self._scale.numerator // self._scale.denominator

    def _check_resume_point(self, pts: int) -> None:
        if self._resume is not None and pts * self._time_base != self._resume.starts_s:
            raise order_errors.resume_unfit("there is no frame at the resume point")

    def _begin(self, packet: AnyPacket) -> None:
        """Write the header, which sets the muxer's time base; all packets have the first one's time base."""
        self._container.start_encoding()
        self._time_base = self.stream.time_base or self._time_base
        self._scale = packet.time_base / self._time_base
        self._tick_s = float(self._time_base)

    def _segments_ended(self, next_start: int) -> None:
        if self._muxed.init is not None and self._muxed.finished and not self._announced:
            self._announced = True
            if self._check is not None:
                self._check(bytes(self._muxed.check_data))
                self._muxed.check_data.clear()
            self._announce(self._muxed.init)
        for length, keyframe_length in self._muxed.finished:
            duration = max(1, next_start - (self._segment_start or 0))
            self._reporter.send(SegmentWritten(self.output, length, duration, keyframe_length))
            self._segment_start = next_start
            self._segments += 1
        self._muxed.finished.clear()

    def _announce(self, init: bytes) -> None:
        if self._time_base.numerator != 1:
            raise ValueError("the muxer counts in whole parts of a second")
        started = self._describe(codecs_of(init), len(init), self._time_base.denominator)
        self._fps = started.fps
        self._reporter.send(started)

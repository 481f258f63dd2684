"""Answers `Probe`: the container, tracks, chapters and lengths of a source."""

from fractions import Fraction
from itertools import zip_longest

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamtime.media import order_errors
from streamtime.media.copy_check import ScanLimit, VideoScan, audio_copyable, longest_copied_segment_s, video_obstacle
from streamtime.media.durations import claimed_duration_us
from streamtime.media.source import container_name, open_source, start_of, wraps_around
from streamtime.media.timestamps import RAW_STREAMS, FrameTimestamps, raw_rate
from streamtime.media.video_stream import (
    AUDIO_ONLY,
    Orientation,
    bit_depth,
    choose_video,
    decode_frame,
    frame_rate,
    has_decoder,
    is_audio_only,
    is_cover,
    is_interlaced,
    orientation_of,
    prepare_decoder,
    readable_packets,
    shown_size,
    still_image,
)
from streamtime.workers.probe_result import AudioInfo, ChapterInfo, ProbeResult, SubtitleInfo, VideoInfo

TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "mov_text", "webvtt", "text"})
"""Text subtitles, by FFmpeg's canonical names; others are bitmaps, or not meant for viewers."""

_BROADCAST_TEXT = frozenset({"eia_608", "dvb_teletext", "arib_caption", "hdmv_text_subtitle", "ttml"})
_PURPOSES = (
    (Disposition.comment, "commentary"),
    (Disposition.visual_impaired | Disposition.descriptions, "audio description"),
    (Disposition.hearing_impaired, "clear dialogue"),
    (Disposition.karaoke, "karaoke"),
)
_DATE_KEYS = ("com.apple.quicktime.creationdate", "date_recorded", "date-eng", "creation_time", "date")
"""Metadata keys of the time of recording, the most reliable first: Apple's has the offset from UTC. Only these are
read; positions and places are not."""

_MAX_TEXT = 200
_MAX_TITLE = 1000
_MAX_CHAPTERS = 500
_MAX_DATE = 40
_MAX_DATES = 5
_MS = 1000


def metadata_value(stream: Stream, *keys: str) -> str | None:
    """Return the first of these metadata values of a stream, if any."""
    value = next((text for key in keys if (text := stream.metadata.get(key))), None)
    return value[:_MAX_TEXT] if value and value != "und" else None


def purpose_of(stream: Stream) -> str | None:
    """Return the purpose of an audio track by the container's flags; None for a main track."""
    return next((words for flag, words in _PURPOSES if stream.disposition & flag), None)


def title_of(container: InputContainer) -> str | None:
    """Return the title of the file; Ogg stores it with its streams."""
    declared = [
        container.metadata,
        *(stream.metadata for stream in container.streams if container.format.name == "ogg"),
    ]
    titles = (text.strip() for words in declared for key, text in words.items() if key.lower() == "title")
    return next((title[:_MAX_TITLE] for title in titles if title), None)


def creation_dates_of(container: InputContainer) -> tuple[str, ...]:
    """Return the times of recording that the file declares, for the file as a whole or for its streams."""
    declared = [container.metadata, *(stream.metadata for stream in container.streams)]
    lower = [{key.lower(): text for key, text in words.items()} for words in declared]
    found = (words[key].strip()[:_MAX_DATE] for key in _DATE_KEYS for words in lower if key in words)
    return tuple(dict.fromkeys(found))[:_MAX_DATES]


def subtitles_of(container: InputContainer) -> tuple[SubtitleInfo, ...]:
    """Return the subtitle tracks, without those of broadcasts, which are embedded in other data."""
    found = []
    for stream in container.streams:
        if not isinstance(stream, SubtitleStream) or not has_decoder(stream):
            continue
        codec = stream.codec_context.codec.canonical_name
        if codec not in _BROADCAST_TEXT:
            found.append(_subtitle_info(stream, codec))
    return tuple(found)


def chapters_of(container: InputContainer, origin_us: int) -> tuple[ChapterInfo, ...]:
    """Return the chapters; each ends no later than the next begins."""
    origin_ms = origin_us // 1000
    starts: dict[int, tuple[int, str]] = {}
    for chapter in container.chapters()[:_MAX_CHAPTERS]:
        tick = Fraction(chapter["time_base"] or 0)
        start_ms = max(0, round(chapter["start"] * tick * _MS) - origin_ms)
        end_ms = round(chapter["end"] * tick * _MS) - origin_ms
        starts.setdefault(start_ms, (end_ms, str(chapter["metadata"].get("title", ""))[:_MAX_TEXT]))
    ordered = sorted(starts)
    chapters = []
    for start_ms, following_ms in zip_longest(ordered, ordered[1:]):
        end_ms, title = starts[start_ms]
        if following_ms is not None:
            end_ms = min(end_ms, following_ms) if end_ms > start_ms else following_ms
        if end_ms > start_ms:
            chapters.append(ChapterInfo(start_ms, end_ms, title))
    return tuple(chapters)


def _subtitle_info(stream: SubtitleStream, codec: str) -> SubtitleInfo:
    return SubtitleInfo(
        stream=stream.index,
        codec=codec,
        is_text=codec in TEXT_CODECS,
        language=metadata_value(stream, "language"),
        title=metadata_value(stream, "title", "name"),
        forced=bool(stream.disposition & Disposition.forced),
        hearing_impaired=bool(stream.disposition & (Disposition.hearing_impaired | Disposition.captions)),
    )


_MICRO = 1_000_000
_ANIMATION_FORMATS = {"gif", "apng"}
_MIN_HELD_US = 60_000
"""Broadcasts start audio slightly before video, and encoders add a packet: that much is cut."""

_MAX_HELD_US = 3600 * _MICRO
_LATEST_ORIGIN_US = 1 << 53
"""Nearly three centuries: a later first time is broken."""


def probe(descriptor: int, rotate: int = 0) -> ProbeResult:
    """Probe the source, reading as little as possible. It is rotated clockwise by `rotate` degrees.

    Raises:
        OrderError: if it cannot be played.
    """
    with open_source(descriptor) as container:
        if is_audio_only(container):
            return _audio_only_result(descriptor, container)
        stream = choose_video(container)
        prepare_decoder(stream, threads=1)
        frame, scan = _scan_start(container, stream)
        video = _video_info(container, stream, frame, scan, orientation_of(frame).rotated(rotate))
        first_frame_us = _first_frame_us(stream, frame, scan if video.copyable else None)
        origin_us = first_frame_us - _held_us(container, first_frame_us)
        return ProbeResult(
            container=container_name(container),
            duration_ms=_duration_ms(descriptor, container, origin_us),
            origin_us=origin_us,
            bitrate_bps=container.bit_rate or None,
            video=video,
            audios=_audios(container, Fraction(origin_us, _MICRO)),
            other_streams=_other_streams(container, stream),
            subtitles=subtitles_of(container),
            chapters=chapters_of(container, origin_us),
            title=title_of(container),
            creation_dates=creation_dates_of(container),
            rotate=rotate,
        )


def _scan_start(container: InputContainer, stream: VideoStream) -> tuple[VideoFrame, VideoScan]:
    """Scan the first packets and decode the first frame."""
    frame: VideoFrame | None = None
    scan, limit = VideoScan(stream.codec_context.extradata), ScanLimit(stream)
    times = FrameTimestamps(container_name(container), stream)
    enough = False
    for packet in readable_packets(container, stream):
        if packet.size and not enough:
            scan.packets += 1
            scan.take(packet)
            enough = limit.reached(scan)
        if frame is None and (found := decode_frame(stream, packet)) is not None:
            frame = times.put(found)
        if frame and enough:
            break
    if frame is None:
        raise order_errors.damaged()
    if container_name(container) in _ANIMATION_FORMATS and scan.packets == 1:
        raise order_errors.not_media("a picture that does not move")
    return frame, scan


def _audio_only_result(descriptor: int, container: InputContainer) -> ProbeResult:
    """Describe a file without video: its video track is a still image, the cover or a generated one."""
    still = still_image(container)
    origin_us = min(_audio_starts_us(container), default=0)
    return ProbeResult(
        container=container_name(container),
        duration_ms=_duration_ms(descriptor, container, origin_us),
        origin_us=origin_us,
        bitrate_bps=container.bit_rate or None,
        video=VideoInfo(
            stream=AUDIO_ONLY,
            codec="a still picture",
            profile=None,
            stored_width=still.width,
            stored_height=still.height,
            width=still.width,
            height=still.height,
            rotation=0,
            mirrored=False,
            fps_num=1,
            fps_den=1,
            pix_fmt=still.format.name,
            bit_depth=8,
            interlaced=False,
            bitrate_bps=None,
            copyable=False,
            copy_obstacle="it has only audio",
            copy_target_duration_s=0,
        ),
        audios=_audios(container, Fraction(origin_us, _MICRO)),
        other_streams=tuple("cover" for _ in container.streams.video),
        subtitles=subtitles_of(container),
        chapters=chapters_of(container, origin_us),
        title=title_of(container),
        creation_dates=creation_dates_of(container),
    )


def _video_info(
    container: InputContainer, stream: VideoStream, frame: VideoFrame, scan: VideoScan, orientation: Orientation
) -> VideoInfo:
    rate = raw_rate(stream) if container_name(container) in RAW_STREAMS else frame_rate(stream)
    width, height = shown_size(stream, orientation)
    bitrate_bps = stream.codec_context.bit_rate or container.bit_rate or None
    interlaced = is_interlaced(stream, frame)
    kind = container_name(container)
    held_s = Fraction(_held_us(container, _first_frame_us(stream, frame, scan)), _MICRO)
    obstacle = video_obstacle(
        kind,
        stream,
        scan,
        upright=orientation.is_identity,
        interlaced=interlaced,
        bitrate_bps=bitrate_bps,
        held_s=held_s,
    )
    return VideoInfo(
        stream=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        profile=stream.profile,
        stored_width=stream.width,
        stored_height=stream.height,
        width=width,
        height=height,
        rotation=orientation.rotation,
        mirrored=orientation.mirrored,
        fps_num=rate.numerator,
        fps_den=rate.denominator,
        pix_fmt=frame.format.name,
        bit_depth=bit_depth(frame.format.name),
        interlaced=interlaced,
        bitrate_bps=bitrate_bps,
        copyable=obstacle is None,
        copy_obstacle=obstacle,
        copy_target_duration_s=longest_copied_segment_s(stream, fully_indexed=kind == "mp4", held_s=held_s),
    )


def _held_us(container: InputContainer, first_frame_us: int) -> int:
    """Return how long the first frame is held: from the start of the first audio, if that is well before it.

    Audio that starts more than an hour earlier has a broken timestamp; the declared length may be wrong too.
    """
    held_us = [first_frame_us - start_us for start_us in _audio_starts_us(container)]
    return max((held for held in held_us if _MIN_HELD_US < held <= _MAX_HELD_US), default=0)


def _audio_starts_us(container: InputContainer) -> list[int]:
    return [
        int(start * stream.time_base * _MICRO)
        for stream in container.streams.audio
        if _is_readable(stream) and (start := start_of(container, stream)) is not None and stream.time_base is not None
    ]


def _first_frame_us(stream: VideoStream, frame: VideoFrame, copied: VideoScan | None) -> int:
    """Return the time of the first frame: the first keyframe if it is copied, else the first decoded frame."""
    tick = stream.time_base or Fraction(1, 1000)
    if copied and copied.origin is not None:
        return int(copied.origin * tick * _MICRO // 1)
    start = frame.pts if frame.pts is not None else stream.start_time or 0
    origin_us = int(start * (frame.time_base or tick) * _MICRO // 1)
    return origin_us if abs(origin_us) < _LATEST_ORIGIN_US else 0


def _duration_ms(descriptor: int, container: InputContainer, origin_us: int) -> int | None:
    if wraps_around(container):
        return None
    duration_us = claimed_duration_us(descriptor, container, container_name(container), origin_us)
    return None if duration_us is None else max(1, round(duration_us / 1000))


def _audios(container: InputContainer, origin_s: Fraction) -> tuple[AudioInfo, ...]:
    kind = container_name(container)
    return tuple(_audio_info(kind, stream, origin_s) for stream in container.streams.audio if _is_readable(stream))


def _is_readable(stream: AudioStream) -> bool:
    return has_decoder(stream) and stream.codec_context.sample_rate > 0 and stream.codec_context.channels > 0


def _audio_info(kind: str, stream: AudioStream, origin_s: Fraction) -> AudioInfo:
    return AudioInfo(
        stream=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        channels=stream.codec_context.channels,
        sample_rate_hz=stream.codec_context.sample_rate,
        bitrate_bps=stream.codec_context.bit_rate or None,
        language=metadata_value(stream, "language"),
        title=metadata_value(stream, "title", "name"),
        default=bool(stream.disposition & Disposition.default),
        copyable=audio_copyable(kind, stream, origin_s),
        purpose=purpose_of(stream),
    )


def _other_streams(container: InputContainer, chosen: VideoStream) -> tuple[str, ...]:
    kinds = []
    for stream in container.streams:
        if isinstance(stream, VideoStream):
            if stream.index != chosen.index:
                kinds.append("cover" if is_cover(stream) else "video")
        elif not isinstance(stream, AudioStream):
            kinds.append(stream.type)
    return tuple(kinds)

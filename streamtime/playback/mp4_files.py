"""One plain MP4 file of a rendition with its audio, for players that do not know HLS: downloads, podcasts, televisions.

Nothing is stored: the file is put together from the stored renditions while it is sent (`hls/joined_mp4.py`).
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import accumulate, chain, zip_longest

from streamtime.auth.access import Caller
from streamtime.errors import NotFound, ObjectDamaged
from streamtime.hls.joined_mp4 import Fragment, as_audio_track, join_head
from streamtime.hls.segment_index import Segment, SegmentIndex
from streamtime.playback.media_reader import MAX_BUFFERED_BYTES, MediaRange, MediaReader
from streamtime.playback.segments import PlayableVideo, PlaybackCache, ViewerActivity, rendition_part
from streamtime.videos.renditions import Rendition, RenditionKind

MAX_CACHED = 50
"""Layouts of files in memory; that of a two-hour film takes about half a megabyte."""


@dataclass(frozen=True, slots=True)
class Mp4File:
    """A file that is put together while it is sent. `starts` are the offsets of `parts`, bytes or ranges of objects."""

    length: int
    etag: str
    parts: tuple[bytes | MediaRange, ...]
    starts: tuple[int, ...]
    content_type: str = "video/mp4"
    immutable: bool = False
    download_name: str | None = None
    presigned_url: str | None = None


class Mp4Files:
    """Finds the files for callers, and reads them."""

    def __init__(self, playback_cache: PlaybackCache, reader: MediaReader, viewer_activity: ViewerActivity) -> None:
        self._playback_cache = playback_cache
        self._reader = reader
        self._viewer_activity = viewer_activity
        self._files: OrderedDict[str, Mp4File] = OrderedDict()

    async def find(self, caller: Caller, video: str, height: int) -> Mp4File:
        """Return the file of a video's complete rendition of that height, as in the rendition's name.

        Raises:
            NotFound: the caller may not watch the video, or it has no such rendition.
        """
        playable_video = await self._playback_cache.find(caller, video)
        for rendition in complete_renditions(playable_video, RenditionKind.VIDEO):
            if rendition.name == f"{height}p":
                return await self._file(rendition, _default_audio(playable_video))
        raise NotFound(reason="no_such_rendition")

    def reads_whole(self, _media: Mp4File, _length: int) -> bool:
        """Return that a file is always streamed."""
        return False

    async def stream(self, media: Mp4File, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Yield `length` bytes of the file from `start`, in pieces.

        Raises:
            NotFound: a rendition was deleted.
            ObjectDamaged: a stored rendition is not what was stored.
            Unavailable: the store does not answer in time.
        """
        at = bisect_right(media.starts, start) - 1
        while length > 0:
            self._viewer_activity.record()
            part, skip = media.parts[at], start - media.starts[at]
            wanted = min(length, len(part) - skip if isinstance(part, bytes) else part.length - skip)
            async with aclosing(self._read_part(part, skip, wanted)) as pieces:
                async for piece in pieces:
                    yield piece
            start, length, at = start + wanted, length - wanted, at + 1

    async def _read_part(self, part: bytes | MediaRange, start: int, length: int) -> AsyncGenerator[bytes, None]:
        if isinstance(part, bytes):
            yield part[start : start + length]
        elif part.content_type == "audio/mp4":
            data = await self._reader.read(part, 0, part.length)
            try:
                yield as_audio_track(data)[start : start + length]
            except ValueError:
                raise ObjectDamaged from None
        elif part.length <= MAX_BUFFERED_BYTES:
            yield await self._reader.read(part, start, length)
        else:
            async with aclosing(self._reader.stream(part, start, length)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _file(self, video: Rendition, audio: Rendition | None) -> Mp4File:
        etag = f'"{video.attempt_id}-{audio.attempt_id if audio else ""}-mp4"'
        found = self._files.get(etag)
        if found is None:
            found = self._files[etag] = await self._lay_out(video, audio, etag)
            if len(self._files) > MAX_CACHED:
                self._files.popitem(last=False)
        self._files.move_to_end(etag)
        return found

    async def _lay_out(self, video: Rendition, audio: Rendition | None, etag: str) -> Mp4File:
        indexes = [_index_of(one) for one in (video, audio) if one is not None]
        inits = [await self._init(one) for one in (video, audio) if one is not None]
        rows = [*zip_longest(*(index.segments for index in indexes))]
        try:
            head = join_head(
                inits[0], inits[1] if audio else None, [_fragment(row) for row in rows], indexes[0].timescale
            )
        except ValueError:
            raise ObjectDamaged from None
        renditions = [video] if audio is None else [video, audio]
        ranges = (
            rendition_part(rendition, segment.offset, segment.length, str(number))
            for number, row in enumerate(rows)
            for rendition, segment in zip(renditions, row, strict=True)
            if segment is not None
        )
        parts = tuple[bytes | MediaRange, ...](chain([head], ranges))
        ends = [*accumulate(len(part) if isinstance(part, bytes) else part.length for part in parts)]
        return Mp4File(ends[-1], etag, parts, (0, *ends[:-1]))

    async def _init(self, rendition: Rendition) -> bytes:
        length = _index_of(rendition).init_length
        return await self._reader.read(rendition_part(rendition, 0, length, "init"), 0, length)


def complete_renditions(playable_video: PlayableVideo, kind: RenditionKind) -> list[Rendition]:
    """Return the complete renditions of a kind, the largest first."""
    return [one for one in playable_video.of_kind(kind) if one.index is not None and one.index.plays]


def _default_audio(playable_video: PlayableVideo) -> Rendition | None:
    tracks = complete_renditions(playable_video, RenditionKind.AUDIO)
    return next((track for track in tracks if track.audio.default), tracks[0] if tracks else None)


def _index_of(rendition: Rendition) -> SegmentIndex:
    if rendition.index is None:
        raise NotFound(reason="rendition_incomplete")
    return rendition.index


def _fragment(row: tuple[Segment | None, ...]) -> Fragment:
    """Return the video and audio segments of one number; there may be more of one track."""
    return Fragment(sum(segment.length for segment in row if segment), row[0].duration if row[0] else 0)

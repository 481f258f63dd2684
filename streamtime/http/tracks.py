"""Chapters and caption tracks of videos, as the API returns them. Pages list captions in the same form."""

from dataclasses import dataclass

import msgspec

from streamtime.http.services import VideoServices
from streamtime.videos.captions import CaptionOrigin, CaptionTrack
from streamtime.videos.chapters import Chapter
from streamtime.videos.video import Video


class ChapterBody(msgspec.Struct):
    """A chapter of a video; start and end are in milliseconds."""

    start_ms: int
    end_ms: int
    title: str


class CaptionBody(msgspec.Struct):
    """A caption track; `url` is its WebVTT file."""

    name: str
    language: str
    label: str
    origin: CaptionOrigin
    cues: int
    url: str


@dataclass(frozen=True, slots=True)
class Tracks:
    """Chapters and caption tracks of several videos, by row id."""

    chapters: dict[int, list[Chapter]]
    captions: dict[int, list[CaptionTrack]]


async def tracks_of(shown: list[Video], videos: VideoServices) -> Tracks:
    """Read the chapters and captions of several videos."""
    ids = [video.id for video in shown]
    return Tracks(await videos.chapters.of_videos(shown), await videos.captions.list_for_videos(ids))


def chapter_bodies(video: Video, tracks: Tracks) -> list[ChapterBody]:
    """Return the chapters of a video for the API."""
    return [ChapterBody(c.start_ms, c.end_ms, c.title) for c in tracks.chapters.get(video.id, [])]


def caption_bodies(video: Video, tracks: Tracks) -> list[CaptionBody]:
    """Return the caption tracks of a video."""
    return [caption_body(video, track) for track in tracks.captions.get(video.id, [])]


def caption_body(video: Video, track: CaptionTrack) -> CaptionBody:
    """Return one caption track."""
    return CaptionBody(
        name=track.name,
        language=track.language,
        label=track.label,
        origin=track.origin,
        cues=track.cues,
        url=f"/media/{video.public_id}/{video.access_generation}/captions/{track.name}.vtt",
    )

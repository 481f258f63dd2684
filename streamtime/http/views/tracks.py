"""Chapters, captions and sound tracks as templates and the API want them."""

from dataclasses import dataclass

import msgspec

from streamtime.formatting import duration_text
from streamtime.http.services import Services
from streamtime.videos.captions import CaptionOrigin, CaptionTrack, Chapter
from streamtime.videos.video import Video


class ChapterBody(msgspec.Struct):
    """A part of a video, by its start and end in milliseconds."""

    start_ms: int
    end_ms: int
    title: str


class CaptionBody(msgspec.Struct):
    """A caption track; `url` leads to it as WebVTT."""

    name: str
    language: str
    label: str
    origin: CaptionOrigin
    cues: int
    url: str


@dataclass(frozen=True, slots=True)
class ChapterView:
    """A chapter, to be jumped to."""

    seconds: float
    time_text: str
    title: str


@dataclass(frozen=True, slots=True)
class Tracks:
    """What several videos have beside picture and sound, by row id."""

    chapters: dict[int, list[Chapter]]
    captions: dict[int, list[CaptionTrack]]


async def tracks_of(videos: list[Video], services: Services) -> Tracks:
    """Read it for a page of videos at once."""
    ids = [video.id for video in videos]
    return Tracks(await services.chapters.list_for_videos(ids), await services.captions.list_for_videos(ids))


def chapter_bodies(video: Video, tracks: Tracks) -> list[ChapterBody]:
    """The chapters of a video, for programs."""
    return [ChapterBody(c.start_ms, c.end_ms, c.title) for c in tracks.chapters.get(video.id, [])]


def chapter_views(video: Video, tracks: Tracks) -> list[ChapterView]:
    """The chapters of a video, for people."""
    return [
        ChapterView(chapter.start_ms / 1000, duration_text(chapter.start_ms), chapter.title)
        for chapter in tracks.chapters.get(video.id, [])
    ]


def caption_bodies(video: Video, tracks: Tracks) -> list[CaptionBody]:
    """The caption tracks of a video."""
    return [caption_body(video, track) for track in tracks.captions.get(video.id, [])]


def caption_body(video: Video, track: CaptionTrack) -> CaptionBody:
    """One caption track."""
    return CaptionBody(
        name=track.name,
        language=track.language,
        label=track.label,
        origin=track.origin,
        cues=track.cues,
        url=f"/media/{video.public_id}/{video.access_generation}/captions/{track.name}.vtt",
    )


def chapters_url(video: Video) -> str:
    """Where the chapters are, as WebVTT."""
    return f"/media/{video.public_id}/{video.access_generation}/chapters.vtt"

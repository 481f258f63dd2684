"""Multivariant, media and I-frame playlists as text."""

from fractions import Fraction

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.hls.playlists import (
    Audio,
    Subtitles,
    Variant,
    audio_only_playlist,
    captions_playlist,
    captions_uri,
    media_playlist,
    multivariant_playlist,
    rendition_uri,
    target_duration_s,
    unique_names,
)
from streamtime.hls.segment_index import Segment, SegmentIndex

INDEX = SegmentIndex(30_000, 700, tuple(Segment(0, 700 + n * 50, 50, 120_120) for n in range(4)))
VARIANT = Variant("1/7/playlist.m3u8", 3_000_000, 2_000_000, "avc1.64001F", 1280, 720, Fraction(30_000, 1001))
AUDIO = Audio("1/8/playlist.m3u8", "English", 140_000, 128_000, "mp4a.40.2", 2, "en")


def test_a_whole_rendition_is_vod() -> None:
    playlist = m3u8.loads(media_playlist(INDEX, target_duration_s=4, complete=True))
    assert playlist.version == 7
    assert playlist.playlist_type == "vod"
    assert playlist.is_endlist
    assert playlist.is_independent_segments
    assert playlist.target_duration == 4
    assert playlist.segment_map[0].uri == "init.mp4"
    assert [segment.uri for segment in playlist.segments] == ["0.m4s", "1.m4s", "2.m4s", "3.m4s"]
    assert [segment.duration for segment in playlist.segments] == [4.004] * 4
    assert playlist.start is None


def test_a_growing_rendition_is_an_event_that_starts_at_its_beginning() -> None:
    playlist = m3u8.loads(media_playlist(INDEX, target_duration_s=4, complete=False))
    assert playlist.playlist_type == "event"
    assert not playlist.is_endlist
    assert (playlist.start.time_offset, playlist.start.precise) == (0, "YES")


def test_a_growing_playlist_only_grows() -> None:
    shorter = SegmentIndex(INDEX.timescale, INDEX.init_length, INDEX.segments[:2])
    before = media_playlist(shorter, target_duration_s=4, complete=False)
    assert media_playlist(INDEX, target_duration_s=4, complete=False).startswith(before)


@given(st.integers(1, 1_000_000), st.lists(st.integers(1, 10**7), min_size=1, max_size=50), st.booleans())
def test_durations_add_up(timescale: int, durations: list[int], complete: bool) -> None:
    index = SegmentIndex(timescale, 0, tuple(Segment(0, 0, 1, duration) for duration in durations))
    target = target_duration_s(index)
    lines = media_playlist(index, target_duration_s=target, complete=complete).splitlines()
    printed = [Fraction(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]
    assert len(printed) == len(durations)
    assert abs(sum(printed) - Fraction(sum(durations), timescale)) <= Fraction(1, 1_000_000)
    # RFC 8216 section 4.3.3.1: rounded to the nearest whole second, none is longer than the target.
    assert all(int(duration + Fraction(1, 2)) <= target for duration in printed)


def test_a_multivariant_playlist_says_what_a_player_needs() -> None:
    smaller = Variant("1/9/playlist.m3u8", 900_000, 700_000, "avc1.64001E", 640, 360, Fraction(25))
    playlist = m3u8.loads(multivariant_playlist([VARIANT, smaller], [AUDIO]))
    assert playlist.is_variant
    first, second = (entry.stream_info for entry in playlist.playlists)
    assert [entry.uri for entry in playlist.playlists] == ["1/7/playlist.m3u8", "1/9/playlist.m3u8"]
    assert (first.bandwidth, first.average_bandwidth) == (3_140_000, 2_128_000)
    assert (first.codecs, first.resolution, first.frame_rate) == ("avc1.64001F,mp4a.40.2", (1280, 720), 29.97)
    assert (second.bandwidth, second.frame_rate, second.audio) == (1_040_000, 25.0, "audio")
    sound = playlist.media[0]
    assert (sound.type, sound.uri, sound.language, sound.default) == ("AUDIO", "1/8/playlist.m3u8", "en", "YES")
    assert (sound.name, sound.channels, sound.group_id) == ("English", "2", "audio")


def test_no_sound_is_no_group() -> None:
    text = multivariant_playlist([VARIANT])
    assert "AUDIO" not in text
    assert m3u8.loads(text).playlists[0].stream_info.codecs == "avc1.64001F"


def test_exactly_one_sound_is_the_default() -> None:
    german = Audio("1/10/playlist.m3u8", "Deutsch", 1, 1, "mp4a.40.2", 2, "de", default=True)
    playlist = m3u8.loads(multivariant_playlist([VARIANT], [AUDIO, german]))
    assert [sound.default for sound in playlist.media] == ["NO", "YES"]


def test_sound_alone_is_a_variant_of_its_own() -> None:
    playlist = m3u8.loads(audio_only_playlist([AUDIO]))
    assert playlist.playlists[0].stream_info.codecs == "mp4a.40.2"


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_name_can_add_a_line_or_an_attribute(name: str, language: str) -> None:
    audio = Audio("1/8/playlist.m3u8", name, 1, 1, "mp4a.40.2", 2, language)
    text = multivariant_playlist([VARIANT], [audio])
    assert len(text.splitlines()) == len(multivariant_playlist([VARIANT], [AUDIO]).splitlines())
    media = m3u8.loads(text).media
    assert len(media) == 1
    assert media[0].uri == "1/8/playlist.m3u8"


@pytest.mark.parametrize("uri", ["a\nb", 'a"b', "", "a b", "\N{EM SPACE}"])
def test_a_strange_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="URI"):
        multivariant_playlist([Variant(uri, 1, 1, "avc1.64001F", 2, 2, Fraction(25))])


def test_uris_are_relative() -> None:
    assert rendition_uri(3, 17) == "3/17/playlist.m3u8"


def test_every_sound_and_caption_track_is_named_and_one_sound_is_first() -> None:
    german = Audio("1/9/playlist.m3u8", 'Deutsch "lang"', 150_000, 128_000, "mp4a.40.2", 2, "de", default=True)
    captions = [Subtitles(captions_uri(1, "en"), "English", "en"), Subtitles(captions_uri(1, "und"), "Captions")]
    playlist = m3u8.loads(multivariant_playlist([VARIANT], [AUDIO, german], captions))
    told = [(media.type, media.name, media.language, media.default, media.uri) for media in playlist.media]
    assert told == [
        ("AUDIO", "English", "en", "NO", "1/8/playlist.m3u8"),
        ("AUDIO", "Deutsch 'lang'", "de", "YES", "1/9/playlist.m3u8"),
        ("SUBTITLES", "English", "en", "NO", "1/captions/en.m3u8"),
        ("SUBTITLES", "Captions", None, "NO", "1/captions/und.m3u8"),
    ]
    (variant,) = playlist.playlists
    assert (variant.stream_info.audio, variant.stream_info.subtitles) == ("audio", "captions")
    assert variant.stream_info.bandwidth == 3_150_000


def test_a_caption_track_is_one_segment_of_the_whole_length() -> None:
    playlist = m3u8.loads(captions_playlist("en.vtt?v=2", 6_016))
    assert playlist.playlist_type == "vod"
    assert playlist.is_endlist
    assert playlist.target_duration == 7
    assert [(segment.uri, segment.duration) for segment in playlist.segments] == [("en.vtt?v=2", 6.016)]


def test_names_are_told_apart() -> None:
    assert unique_names(["A", "B", "A", "A 2", "A"]) == ["A", "B", "A 2", "A 2 2", "A 3"]

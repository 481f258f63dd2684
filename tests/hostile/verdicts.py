"""Runs a clip through the whole pipeline, and checks the result with the HLS checker and another FFmpeg.

Either it is rejected with a known code that the reference decoder confirms, or it plays to the end, has the right
duration and a poster, and is not reported as damaged without cause.
"""

import asyncio
import traceback
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import m3u8

from streamtime.app.jobs import packager
from streamtime.config.load import load
from streamtime.transcoding.hls_folder import MASTER_PLAYLIST, POSTER, create_hls_folder
from streamtime.transcoding.package import PackagingResult
from streamtime.workers.failure import WorkerFailed
from tests.hls.checker import check
from tests.hls.file_sources import FileSource, Missing, file_source
from tests.hostile.recipes import Recipe
from tests.hostile.reference_decoder import DecodedStreams, decode
from tests.server import Server, wait_until

REFUSALS = frozenset({"damaged", "empty", "incomplete", "no_video", "not_media", "unsupported_codec", "too_large"})
"""Failure codes for a file without anything that the reference decoder can decode."""

NOT_TAKEN = frozenset({"webp"})
"""Containers that may always be rejected: PyAV's FFmpeg cannot read all of animated WebP."""

IMAGES = frozenset({"gif", "apng"})
"""Containers that are rejected with only one frame: a still image."""

SOUND_FRAME_S = 1024 / 44_100
"""A frame of AAC: encoded audio ends with a whole one. The last frame of the source is added.

FFmpeg 9 cuts the padding of that one, as given by the container; earlier ones decode it completely.
"""

ROUNDING_S = 0.003
"""The product and Matroska store times in milliseconds, with rounding in between."""

PREPARED_WITHIN_S = 240.0

BROKEN_OFF_S = 1.0
"""Tolerance for the end of a truncated clip compared with the reference: half a GOP may be kept or not."""


@dataclass(frozen=True)
class PreparedResult:
    """The result of a clip: its duration and that of each rendition, or the failure code."""

    duration_s: float = 0.0
    pictures_s: tuple[float, ...] = ()
    sounds_s: tuple[float, ...] = ()
    has_poster: bool = False
    damaged: bool = False
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""
    words: str = ""
    """Standard error of the worker, or the traceback of our own process."""


def package(path: Path, folder: Path) -> PreparedResult:
    """Package a clip as `streamtime package` does, in this process, and run the checker."""
    try:
        packaged = asyncio.run(_packaged(path, folder))
    except WorkerFailed as error:
        return PreparedResult(refusal=error.code, words=error.stderr_tail)
    except Exception:  # noqa: BLE001  # whatever it is, it is to be told with the film that it came from
        return PreparedResult(refusal="traceback", words=traceback.format_exc())
    return _result(packaged, folder)


async def _packaged(path: Path, folder: Path) -> PackagingResult:
    maker = packager(load(None, {}, {"transcode.nice": 0}), may_copy=True, explicit_heights=False)
    with create_hls_folder(folder, force=False) as made:
        return await maker.package(path, made, lambda _step: None)


def _result(packaged: PackagingResult, folder: Path) -> PreparedResult:
    poster = folder / POSTER
    pictures_s, sounds_s = _lengths(file_source(folder), MASTER_PLAYLIST)
    return PreparedResult(
        duration_s=packaged.duration_ms / 1000,
        pictures_s=pictures_s,
        sounds_s=sounds_s,
        has_poster=packaged.has_poster and poster.is_file() and _is_jpeg(poster.read_bytes()),
        damaged=packaged.damaged_after_ms is not None,
        findings=tuple(map(str, check(folder))),
        notes=packaged.notes,
    )


def uploaded(server: Server, path: Path) -> PreparedResult:
    """Upload a clip to a server, wait until it is ready or failed, and run the checker."""
    person = server.person("ada")
    video = person.upload(path, visibility="unlisted")
    wait_until(
        lambda: person.look(video)["state"] in {"ready", "failed"}, "ready or failed", within_s=PREPARED_WITHIN_S
    )
    seen = person.look(video)
    if seen["state"] == "failed":
        return PreparedResult(refusal=seen["failure"]["code"], words=seen["failure"]["message"])
    urls = seen["urls"]
    pictures_s, sounds_s = _lengths(file_source(person.browser), urls["master"])
    return PreparedResult(
        duration_s=seen["duration_ms"] / 1000,
        pictures_s=pictures_s,
        sounds_s=sounds_s,
        has_poster=bool(urls["poster"]) and _is_jpeg(person.browser.get(urls["poster"]).content),
        damaged=seen["damaged_after_ms"] is not None,
        findings=tuple(map(str, check(person.browser, urls["master"]))),
    )


def _lengths(place: FileSource, master: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The duration of each rendition of a multivariant playlist, from its own playlist."""
    try:
        parsed = m3u8.loads(place.get(master).data.decode())
        pictures = [variant.uri for variant in parsed.playlists]
        sounds = [media.uri for media in parsed.media if media.type == "AUDIO" and media.uri]
        return tuple(_length(place, master, uri) for uri in pictures), tuple(
            _length(place, master, uri) for uri in sounds
        )
    except Missing:
        return (), ()  # the checker reports it


def _length(place: FileSource, master: str, uri: str) -> float:
    parsed = m3u8.loads(place.get(urljoin(master, uri)).data.decode())
    return sum(segment.duration or 0.0 for segment in parsed.segments)


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8")


def faults(recipe: Recipe, path: Path, result: PreparedResult) -> list[str]:
    """All faults; the first word of each is its kind."""
    decoded = decode(path)
    if result.refusal:
        return _faults_of_refusal(recipe, decoded, result)
    found = [f"checker: {finding}" for finding in result.findings if not _of_the_source(recipe, finding)]
    if not result.has_poster:
        found.append("poster: there is none")
    if result.damaged and not recipe.damaged:
        found.append("damaged: it is called damaged, and is not")
    found += [f"notes: {note}" for note in result.notes if "went wrong" in note or "could be made" in note]
    if decoded.nothing:
        return found if recipe.damaged else [*found, "referee: it decodes nothing"]
    return found + _faults_of_length(recipe, decoded, result)


def _of_the_source(recipe: Recipe, finding: str) -> bool:
    """Whether it is a truncated video that was copied: players show what exists of it."""
    return recipe.damaged and "decoded on" in finding


def _faults_of_refusal(recipe: Recipe, decoded: DecodedStreams, result: PreparedResult) -> list[str]:
    last = result.words.strip().splitlines()[-1:]
    if result.refusal not in REFUSALS:
        return [f"failed: {result.refusal}: {' '.join(last)}"]
    lost = (
        recipe.damaged or recipe.origin_s < 0
    ) and not decoded.pictures  # truncated, or before the start of the timeline
    image = recipe.container in IMAGES and len(decoded.pictures) <= 1
    if decoded.nothing or lost or image or recipe.container in NOT_TAKEN:
        return []
    seen = f"{len(decoded.pictures)} pictures and {sum(map(len, decoded.sounds.values()))} pieces of sound"
    return [f"refused: as {result.refusal}, though {seen} can be decoded: {' '.join(last)}"]


def _faults_of_length(recipe: Recipe, decoded: DecodedStreams, result: PreparedResult) -> list[str]:
    """Compare ends relative to the first frame: within one video or audio frame."""
    earliest_s, from_key_s = decoded.starts_s
    # A single frame without a stored duration lasts one step; the reference gives it none.
    picture_s = decoded.last_picture_s or float(recipe.step_s) * bool(decoded.pictures)
    within_s = max(picture_s, SOUND_FRAME_S + decoded.sound_frame_s) + ROUNDING_S
    if recipe.pace == "slides":
        within_s += float(recipe.step_s)  # MP4 stores it; the reference uses the average rate
    if recipe.damaged:
        within_s += BROKEN_OFF_S
    longest_s, shortest_s = decoded.ends_s - earliest_s, decoded.ends_s - from_key_s
    found = []
    if not shortest_s - within_s <= result.duration_s <= longest_s + within_s:
        found.append(f"length: {result.duration_s:.3f} s, and the referee says {longest_s:.3f} s")
    if not result.pictures_s:
        found.append("picture: there is none")
    made_s = max((*result.pictures_s, *result.sounds_s), default=0.0)
    if abs(made_s - result.duration_s) > within_s:
        found.append(f"told: {result.duration_s:.3f} s, and the renditions last {made_s:.3f} s")
    ends = [max(one.ends_s for one in heard) - from_key_s for heard in decoded.sounds.values()]
    # FFmpeg takes a truncated tag for a track of another codec: there are no more audio tracks than in the recipe.
    many = min(len(ends), len(recipe.sounds))
    if len(result.sounds_s) < many:
        found.append(f"sounds: {len(result.sounds_s)} of {many}")
    elif any(
        made < end - within_s for made, end in zip(sorted(result.sounds_s)[::-1], sorted(ends)[::-1], strict=False)
    ):
        found.append(f"sound: ends at {result.sounds_s}, and the referee hears it to {ends}")
    if decoded.pictures:
        end_s = max(one.ends_s for one in decoded.pictures) - from_key_s
        if any(made < end_s - within_s for made in result.pictures_s):
            found.append(f"picture: ends at {result.pictures_s}, and the referee sees it to {end_s:.3f} s")
    return found

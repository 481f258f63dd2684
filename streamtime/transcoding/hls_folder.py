"""The HLS folder that `streamtime package` writes, and its multivariant playlist.

    master.m3u8                  the multivariant playlist, written last
    poster.jpg, preview.mp4      the poster; a short silent clip
    storyboard.vtt               times and positions in storyboard-0.jpg ...
    chapters.vtt
    720p/playlist.m3u8           one directory per rendition
    720p/iframes.m3u8            the I-frame playlist, as byte ranges of the segments
    720p/init.mp4, 0.m4s ...
    captions/en.m3u8, en.vtt     two files per caption track

Files are written to `.making` and moved into place when all are complete.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from streamtime.errors import Conflict, NoSpace, Unavailable
from streamtime.hls.playlists import (
    Audio,
    Subtitles,
    Variant,
    has_iframes,
    iframes_of,
    multivariant_playlist,
    unique_names,
)
from streamtime.hls.segment_index import SegmentIndex
from streamtime.languages import bcp47
from streamtime.storage.blocking import DISK_FULL_ERRNOS
from streamtime.videos.renditions import NewRendition, RenditionKind
from streamtime.workers.protocol import RenditionStarted

MASTER_PLAYLIST = "master.m3u8"
POSTER = "poster.jpg"
MEDIA_PLAYLIST = "playlist.m3u8"
IFRAMES = "iframes.m3u8"
INIT = "init.mp4"
CHAPTERS = "chapters.vtt"
STORYBOARD = "storyboard.vtt"
PREVIEW = "preview.mp4"
STAGING_DIR = ".making"

_CHUNK_BYTES = 1 << 20


class RenditionFiles:
    """The files of a growing rendition: the worker writes one file, which is split into segments as it grows.

    Until the rendition is finished, its bytes are on the disk twice.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._growing_file = folder / "whole.mp4"
        self._segments = 0
        self.fd = os.open(self._growing_file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def cut(self, name: str, offset: int, length: int) -> None:
        """Copy `length` bytes of the worker's file, from `offset`, to a separate file."""
        with (self._folder / name).open("xb") as file:
            while length > 0:
                chunk = os.pread(self.fd, min(length, _CHUNK_BYTES), offset)
                if not chunk:
                    raise RuntimeError("A worker reported bytes that it did not write.")
                file.write(chunk)
                offset += len(chunk)
                length -= len(chunk)

    def cut_segment(self, offset: int, length: int) -> None:
        """Copy the next media segment."""
        self.cut(f"{self._segments}.m4s", offset, length)
        self._segments += 1

    def finish(self, playlists: Mapping[str, str]) -> None:
        """Write the playlists, by file name, and delete the worker's file."""
        for name, text in playlists.items():
            (self._folder / name).write_text(text, encoding="utf-8")
        os.close(self.fd)
        self.fd = -1
        self._growing_file.unlink()

    def discard_unfinished(self) -> None:
        """Delete all files of the rendition unless it is finished."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            shutil.rmtree(self._folder, ignore_errors=True)


class HlsFolder:
    """The folder being made. Its previous files stay until `publish`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._staging = path / STAGING_DIR

    def rendition(self, name: str) -> RenditionFiles:
        """Create the files of a rendition."""
        return RenditionFiles(self._staging / name)

    def file(self, name: str) -> int:
        """Create another file. The caller closes the descriptor."""
        return os.open(self._staging / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o644)

    def drop(self, name: str) -> None:
        """Delete a file, if it exists."""
        (self._staging / name).unlink(missing_ok=True)

    def write(self, name: str, text: str) -> None:
        """Write a text file; `name` may include a directory."""
        path = self._staging / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def open_joined(self, name: str, segments: int) -> int:
        """Open a rendition joined into one unnamed file for reading. The caller closes the descriptor."""
        joined = self._staging / "joined.mp4"
        with joined.open("xb") as file:
            for part in (INIT, *(f"{number}.m4s" for number in range(segments))):
                with (self._staging / name / part).open("rb") as piece:
                    shutil.copyfileobj(piece, file)
        descriptor = os.open(joined, os.O_RDONLY | os.O_CLOEXEC)
        joined.unlink()
        return descriptor

    def publish(self, master: str) -> None:
        """Move all files into place, the multivariant playlist last."""
        (self.path / MASTER_PLAYLIST).unlink(missing_ok=True)
        (self._staging / MASTER_PLAYLIST).write_text(master, encoding="utf-8")
        made = sorted(self._staging.iterdir(), key=lambda path: path.name == MASTER_PLAYLIST)
        for path in made:
            _remove(self.path / path.name)
            path.rename(self.path / path.name)


@contextmanager
def create_hls_folder(path: Path, *, force: bool) -> Iterator[HlsFolder]:
    """Create an HLS folder at `path`. Files that are not published by the end of the block are deleted.

    With `force` the folder may have files: those with the same names are replaced.

    Raises:
        Conflict: `path` is not a folder, or is not empty.
        NoSpace: the disk is full.
        Unavailable: the folder can't be written; the message has the system's error.
    """
    with _translate_os_errors(path):
        existed = path.is_dir()
        if path.exists() and not existed:
            raise Conflict(f"{path} is no folder.")
        if existed and any(path.iterdir()) and not force:
            raise Conflict(f"{path} is not empty. Choose another folder, or write into this one with --force.")
        path.mkdir(parents=True, exist_ok=True)
        _remove(path / STAGING_DIR)
        (path / STAGING_DIR).mkdir()
        try:
            yield HlsFolder(path)
        finally:
            shutil.rmtree(path / STAGING_DIR, ignore_errors=True)
            if not existed:
                with suppress(OSError):
                    path.rmdir()  # only if it is empty


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _translate_os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise NoSpace(f"The disk that {path} is on is full.") from error
        raise Unavailable(f"{path} cannot be written: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True)
class PackagedRendition:
    """A complete rendition."""

    new: NewRendition
    started: RenditionStarted
    index: SegmentIndex

    @property
    def uri(self) -> str:
        """Its playlist, relative to the multivariant one."""
        return f"{self.new.name}/{MEDIA_PLAYLIST}"


@dataclass(frozen=True, slots=True)
class FolderCaptions:
    """A caption track. `language` is a BCP 47 tag or `und`; `label` is shown to viewers."""

    name: str
    language: str
    label: str
    cues: int

    @property
    def uri(self) -> str:
        """Its playlist, relative to the multivariant one."""
        return f"captions/{self.name}.m3u8"

    @property
    def text_uri(self) -> str:
        """Its WebVTT file, relative to the multivariant playlist."""
        return f"captions/{self.name}.vtt"


def sort_renditions(made: Sequence[PackagedRendition]) -> tuple[PackagedRendition, ...]:
    """Sort the renditions: largest video first, audio last with the default track first."""
    return tuple(
        sorted(
            made,
            key=lambda m: (m.new.kind is RenditionKind.AUDIO, -m.started.height, not m.new.audio.default, _place(m)),
        )
    )


def _place(made: PackagedRendition) -> tuple[int, str]:
    """Sort key by the stream index at the end of an audio rendition's name."""
    return len(made.new.name), made.new.name


def build_master_playlist(made: Sequence[PackagedRendition], captions: Sequence[FolderCaptions]) -> str:
    """Return the multivariant playlist of these renditions and captions, in their order."""
    audio = [m for m in made if m.new.kind is RenditionKind.AUDIO]
    names = unique_names(m.new.audio.label for m in audio)
    labels = unique_names(track.label for track in captions)
    return multivariant_playlist(
        [_variant(m) for m in made if m.new.kind is RenditionKind.VIDEO],
        [_audio(*named) for named in zip(audio, names, strict=True)],
        [Subtitles(track.uri, label, bcp47(track.language)) for track, label in zip(captions, labels, strict=True)],
    )


def _variant(made: PackagedRendition) -> Variant:
    started = made.started
    return Variant(
        uri=made.uri,
        peak_bps=made.index.peak_bps,
        average_bps=made.index.average_bps,
        codecs=started.codecs,
        width=started.width,
        height=started.height,
        fps=started.fps,
        iframes=iframes_of(made.index, f"{made.new.name}/{IFRAMES}") if has_iframes(made.index) else None,
    )


def _audio(made: PackagedRendition, name: str) -> Audio:
    return Audio(
        uri=made.uri,
        name=name,
        peak_bps=made.index.peak_bps,
        average_bps=made.index.average_bps,
        codecs=made.started.codecs,
        channels=made.started.channels or 2,
        language=made.new.audio.language,
        default=made.new.audio.default,
    )

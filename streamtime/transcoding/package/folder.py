"""An HLS folder on disk, as any web server can hand it out: which files lie where, and when they appear.

    master.m3u8                  the multivariant playlist, written last: without it nothing here plays
    poster.jpg, preview.mp4      a still picture; a short silent film
    storyboard.vtt               which part of which storyboard-0.jpg ... shows which time
    chapters.vtt
    720p/playlist.m3u8           one folder a rendition
    720p/iframes.m3u8            its keyframes alone, as ranges of its segments
    720p/init.mp4, 0.m4s ...
    captions/en.m3u8, en.vtt     two files a caption track

Everything grows in `.making` and is moved from there when all of it is whole. It knows files, nothing of workers.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from streamtime.errors import Conflict, NoSpace, Unavailable
from streamtime.storage.blocking import DISK_FULL_ERRNOS

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
    """One rendition in the making: the worker writes one long file, which is cut up here as it grows.

    Until the rendition is finished its bytes lie on the disk twice.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._whole = folder / "whole.mp4"
        self.fd = os.open(self._whole, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def cut(self, name: str, offset: int, length: int) -> None:
        """Write `length` bytes of the long file, from `offset` on, to a file of their own."""
        with (self._folder / name).open("xb") as file:
            while length > 0:
                piece = os.pread(self.fd, min(length, _CHUNK_BYTES), offset)
                if not piece:
                    raise RuntimeError("A worker announced bytes that it did not write.")
                file.write(piece)
                offset += len(piece)
                length -= len(piece)

    def finish(self, playlists: Mapping[str, str]) -> None:
        """It is whole: write its playlists, by their names, and let the long file go."""
        for name, text in playlists.items():
            (self._folder / name).write_text(text, encoding="utf-8")
        self.close()
        self._whole.unlink()

    def close(self) -> None:
        """Close the long file, whole or not."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def discard(self) -> None:
        """Take everything of it away."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class HlsFolder:
    """The folder that is made; what it had before stays as it is until `publish`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._staging = path / STAGING_DIR

    def rendition(self, name: str) -> RenditionFiles:
        """Begin a rendition."""
        return RenditionFiles(self._staging / name)

    def file(self, name: str) -> int:
        """Begin a file beside the renditions; the descriptor is the caller's to close."""
        return os.open(self._staging / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o644)

    def drop(self, name: str) -> None:
        """There is no such file after all."""
        (self._staging / name).unlink(missing_ok=True)

    def write(self, name: str, text: str) -> None:
        """Write a text, whose name may begin with a folder's."""
        path = self._staging / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def open_joined(self, name: str, segments: int) -> int:
        """A whole rendition in one piece again, open for reading and without a name; the caller's to close."""
        whole = self._staging / "joined.mp4"
        with whole.open("xb") as file:
            for part in (INIT, *(f"{number}.m4s" for number in range(segments))):
                with (self._staging / name / part).open("rb") as piece:
                    shutil.copyfileobj(piece, file)
        descriptor = os.open(whole, os.O_RDONLY | os.O_CLOEXEC)
        whole.unlink()
        return descriptor

    def publish(self, master: str) -> None:
        """Put everything in its place, the playlist that names it last."""
        (self.path / MASTER_PLAYLIST).unlink(missing_ok=True)
        (self._staging / MASTER_PLAYLIST).write_text(master, encoding="utf-8")
        made = sorted(self._staging.iterdir(), key=lambda path: path.name == MASTER_PLAYLIST)
        for path in made:
            _remove(self.path / path.name)
            path.rename(self.path / path.name)


@contextmanager
def create_hls_folder(path: Path, *, force: bool) -> Iterator[HlsFolder]:
    """Make an HLS folder at `path`; what was not published when the block is left is taken away.

    With `force` a folder that has something in it will do: files of the same names are replaced, others stay.

    Raises:
        Conflict: there is something in the way.
        NoSpace: the disk is full.
        Unavailable: the folder cannot be written, in the system's own words.
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
                    path.rmdir()  # only where nothing is in it


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

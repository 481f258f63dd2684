"""`streamtime package`: converts one video to an HLS folder for any web server, and reports progress and result."""

import asyncio
import sys
import time
from pathlib import Path

import rich_click as click
from rich.progress import BarColumn, TextColumn

from streamtime.app.jobs import packager
from streamtime.cli.context import Context
from streamtime.cli.output import (
    JsonReporter,
    ProgressReporter,
    TerminalReporter,
    cancel_on_sigterm,
    print_json,
    reporting,
)
from streamtime.formatting import counted, duration_text
from streamtime.transcoding.hls_folder import (
    CHAPTERS,
    MASTER_PLAYLIST,
    POSTER,
    PREVIEW,
    STORYBOARD,
    FolderCaptions,
    PackagedRendition,
    create_hls_folder,
)
from streamtime.transcoding.package import Packager, PackagingProgress, PackagingResult
from streamtime.videos.renditions import RenditionKind

LINE_INTERVAL_S = 1.0
LINE_MIN_FRACTION = 0.05
"""The least difference in time and in progress between two lines in a pipe."""


class PackageReporter(ProgressReporter):
    """Reports the result but no progress; subclasses add a kind of output."""

    def step(self, step: PackagingProgress) -> None:
        """Report progress."""

    def done(self, source: Path, folder: Path, packaged: PackagingResult) -> None:
        """Report the result."""
        for note in packaged.notes:
            click.echo(f"streamtime: {note}", err=True)
        if packaged.damaged_after_ms is not None:
            after = duration_text(packaged.damaged_after_ms)
            click.echo(f"streamtime: {source} is damaged after {after}; what comes before it plays.", err=True)
        video = [made.new.name for made in packaged.renditions if made.new.kind is RenditionKind.VIDEO]
        audio_tracks = sum(made.new.kind is RenditionKind.AUDIO for made in packaged.renditions)
        audio = ("no audio", "audio")[audio_tracks] if audio_tracks <= 1 else f"{audio_tracks} audio tracks"
        parts = [*video, audio, *_counted(len(packaged.captions), "caption track")]
        parts += [*_counted(packaged.chapters, "chapter"), duration_text(packaged.duration_ms)]
        click.echo(f"{folder / MASTER_PLAYLIST}: {', '.join(parts)}")


class PackageProgressBar(TerminalReporter, PackageReporter):
    """Shows a progress bar."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")
        super().__init__(*columns)
        self._task = self._progress.add_task("Analyzing", total=1.0, figures="")
        self._stage = ""

    def step(self, step: PackagingProgress) -> None:
        """Update the bar; redraw it at once for a new stage, so that short stages are visible."""
        is_new_stage = step.stage != self._stage
        self._stage = step.stage
        figures = _progress_text(step)
        self._progress.update(
            self._task, refresh=is_new_stage, description=step.stage, completed=step.fraction, figures=figures
        )


class PackageLines(PackageReporter):
    """Prints a line now and then, for a file or a pipe."""

    def __init__(self) -> None:
        self._stage = ""
        self._fraction = 0.0
        self._at = 0.0

    def step(self, step: PackagingProgress) -> None:
        """Print a line for a new stage or after enough progress."""
        now = time.monotonic()
        enough = step.fraction - self._fraction >= LINE_MIN_FRACTION and now - self._at >= LINE_INTERVAL_S
        if step.stage == self._stage and not enough:
            return
        self._stage, self._fraction, self._at = step.stage, step.fraction, now
        click.echo(f"{step.stage}: {_progress_text(step)}", err=True)


class PackageJsonLines(JsonReporter, PackageReporter):
    """Prints progress and result as JSON Lines."""

    def step(self, step: PackagingProgress) -> None:
        """Print a progress event."""
        print_json(
            event="progress",
            stage=step.stage,
            fraction=round(step.fraction, 4),
            speed=step.speed,
            left_s=None if step.remaining_s is None else round(step.remaining_s, 1),
        )

    def done(self, source: Path, folder: Path, packaged: PackagingResult) -> None:
        """Print the result."""
        print_json(
            event="done",
            source=str(source),
            master=str(folder / MASTER_PLAYLIST),
            poster=str(folder / POSTER) if packaged.has_poster else None,
            storyboard=str(folder / STORYBOARD) if packaged.has_stills else None,
            preview=str(folder / PREVIEW) if packaged.has_stills else None,
            chapters=str(folder / CHAPTERS) if packaged.chapters else None,
            duration_ms=packaged.duration_ms,
            damaged_after_ms=packaged.damaged_after_ms,
            notes=packaged.notes,
            captions=[_captions(folder, track) for track in packaged.captions],
            renditions=[_rendition(made) for made in packaged.renditions],
        )


def _rendition(made: PackagedRendition) -> dict[str, object]:
    started = made.started
    return {
        "name": made.new.name,
        "kind": made.new.kind.value,
        "origin": made.new.origin.value,
        "codecs": started.codecs,
        "width": started.width or None,
        "height": started.height or None,
        "average_bps": made.index.average_bps,
        "bytes": made.index.bytes_total,
        "segments": len(made.index.segments),
        "language": made.new.audio.language,
    }


def _captions(folder: Path, track: FolderCaptions) -> dict[str, object]:
    return {
        "name": track.name,
        "language": track.language,
        "label": track.label,
        "cues": track.cues,
        "path": str(folder / track.text_uri),
    }


def _counted(number: int, noun: str) -> list[str]:
    return [counted(number, noun)] if number else []


def _progress_text(step: PackagingProgress) -> str:
    """Return progress, speed and time left: `45 %, 3.2x, 1:20 left`."""
    parts = [f"{step.fraction:.0%}".replace("%", " %")]
    if step.speed is not None:
        parts.append(f"{step.speed:.1f}x")
    if step.remaining_s is not None:
        parts.append(f"{duration_text(round(step.remaining_s * 1000))} left")
    return ", ".join(parts)


class Heights(click.ParamType[list[int]]):
    """Heights of renditions, separated by commas."""

    name = "heights"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Parse the heights; the configuration checks their bounds."""
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is no list of heights such as 1080,720,480.", param, ctx)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--heights", type=Heights(), help="The heights to encode, such as 1080,720,480, including those that save little."
)
@click.option("--crf", type=click.IntRange(0, 51), help="Video quality: lower is better and larger.")
@click.option("--no-copy", is_flag=True, help="Encode also what could be copied.")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty; other files in it stay.")
@click.option("--json", "as_json", is_flag=True, help="Print progress and result as JSON, one object per line.")
@click.pass_obj
def package(
    context: Context,
    source: Path,
    folder: Path,
    heights: list[int] | None,
    crf: int | None,
    no_copy: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Convert the video SOURCE to the HLS folder DIR: master.m3u8 and its files, for any web server.

    The renditions are those that the server would make with the same configuration. The folder is created completely or
    not at all. Exit code 1 if it cannot be created, 130 after Ctrl-C.
    """
    flags = {"transcode.heights": heights, "transcode.max_height": max(heights) if heights else None}
    config = context.config({**flags, "transcode.crf": crf})
    report = PackageJsonLines() if as_json else PackageProgressBar() if sys.stderr.isatty() else PackageLines()
    with reporting(report, "Stopped. Nothing was changed."):
        job = packager(config, may_copy=not no_copy, explicit_heights=heights is not None)
        packaged = asyncio.run(_package(job, source, folder, report, force=force))
    report.done(source, folder, packaged)


async def _package(
    packager: Packager, source: Path, folder: Path, report: PackageReporter, *, force: bool
) -> PackagingResult:
    cancel_on_sigterm()
    with create_hls_folder(folder, force=force) as hls_folder:
        return await packager.package(source, hls_folder, report.step)

"""`streamtime package`: one video to an HLS folder for any web server, without a server of ours.

What `streamtime package` tells, and in which words; how is in `output.py`.
"""

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
    counted,
    print_json,
    reporting,
)
from streamtime.formatting import duration_text
from streamtime.transcoding.package.folder import (
    CHAPTERS,
    MASTER_PLAYLIST,
    POSTER,
    PREVIEW,
    STORYBOARD,
    create_hls_folder,
)
from streamtime.transcoding.package.packager import Packager
from streamtime.transcoding.package.result import FolderCaptions, PackagedRendition, PackagingProgress, PackagingResult
from streamtime.videos.renditions import RenditionKind

LINE_INTERVAL_S = 1.0
LINE_MIN_FRACTION = 0.05
"""What a line in a pipe is further on than the last one, at least, in time and in shares of the work."""


class PackageReporter(ProgressReporter):
    """Tells the end, and nothing on the way; each way of telling adds to it."""

    def step(self, step: PackagingProgress) -> None:
        """The work is that far."""

    def done(self, source: Path, folder: Path, packaged: PackagingResult) -> None:
        """It is there."""
        for note in packaged.notes:
            click.echo(f"streamtime: {note}", err=True)
        if packaged.damaged_after_ms is not None:
            after = duration_text(packaged.damaged_after_ms)
            click.echo(f"streamtime: {source} is damaged after {after}; what comes before it plays.", err=True)
        pictures = [made.new.name for made in packaged.renditions if made.new.kind is RenditionKind.VIDEO]
        sounds = sum(made.new.kind is RenditionKind.AUDIO for made in packaged.renditions)
        sound = ("no sound", "sound")[sounds] if sounds <= 1 else f"{sounds} sound tracks"
        parts = [*pictures, sound, *_counted(len(packaged.captions), "caption track")]
        parts += [*_counted(packaged.chapters, "chapter"), duration_text(packaged.duration_ms)]
        click.echo(f"{folder / MASTER_PLAYLIST}: {', '.join(parts)}")


class PackageProgressBar(TerminalReporter, PackageReporter):
    """A line on the terminal that fills up."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")
        super().__init__(*columns)
        self._task = self._progress.add_task("Looking at it", total=1.0, figures="")
        self._stage = ""

    def step(self, step: PackagingProgress) -> None:
        """Fill it so far. A stage is seen, however short it is."""
        news = step.stage != self._stage
        self._stage = step.stage
        figures = _progress_text(step)
        self._progress.update(
            self._task, refresh=news, description=step.stage, completed=step.fraction, figures=figures
        )


class PackageLines(PackageReporter):
    """A line now and then, for a file or a pipe."""

    def __init__(self) -> None:
        self._stage = ""
        self._fraction = 0.0
        self._at = 0.0

    def step(self, step: PackagingProgress) -> None:
        """Say it if it is news."""
        now = time.monotonic()
        further = step.fraction - self._fraction >= LINE_MIN_FRACTION and now - self._at >= LINE_INTERVAL_S
        if step.stage == self._stage and not further:
            return
        self._stage, self._fraction, self._at = step.stage, step.fraction, now
        click.echo(f"{step.stage}: {_progress_text(step)}", err=True)


class PackageJsonLines(JsonReporter, PackageReporter):
    """Steps and the end, for programs."""

    def step(self, step: PackagingProgress) -> None:
        """Tell every step."""
        print_json(
            event="progress",
            stage=step.stage,
            fraction=round(step.fraction, 4),
            speed=step.speed,
            left_s=None if step.remaining_s is None else round(step.remaining_s, 1),
        )

    def done(self, source: Path, folder: Path, packaged: PackagingResult) -> None:
        """Tell what was made."""
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
    about = made.started
    return {
        "name": made.new.name,
        "kind": made.new.kind.value,
        "origin": made.new.origin.value,
        "codecs": about.codecs,
        "width": about.width or None,
        "height": about.height or None,
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
    """How much is done, how fast, and what is left: `45 %, 3.2x, 1:20 left`."""
    parts = [f"{step.fraction:.0%}".replace("%", " %")]
    if step.speed is not None:
        parts.append(f"{step.speed:.1f}x")
    if step.remaining_s is not None:
        parts.append(f"{duration_text(round(step.remaining_s * 1000))} left")
    return ", ".join(parts)


class Heights(click.ParamType[list[int]]):
    """Picture heights, with commas between them."""

    name = "heights"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Read them; their bounds are the configuration's to check."""
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is no list of heights such as 1080,720,480.", param, ctx)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--heights", type=Heights(), help="The picture heights to encode, such as 1080,720,480, also such as save little."
)
@click.option("--crf", type=click.IntRange(0, 51), help="Quality of the picture: lower is better and larger.")
@click.option("--no-copy", is_flag=True, help="Encode what could be taken over as it is, too.")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty; other files in it stay.")
@click.option("--json", "as_json", is_flag=True, help="Tell progress and result as JSON, one object a line.")
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
    """Make the HLS folder DIR of the video SOURCE: master.m3u8 and all that it names, for any web server to hand out.

    What is made, and how, is what the server would do with the same configuration. The folder appears whole, or not at
    all. Exit code 1 where it cannot be made, 130 after Ctrl-C.
    """
    flags = {"transcode.heights": heights, "transcode.max_height": max(heights) if heights else None}
    config = context.config({**flags, "transcode.crf": crf})
    report = PackageJsonLines() if as_json else PackageProgressBar() if sys.stderr.isatty() else PackageLines()
    with reporting(report, "Stopped. Nothing was changed."):
        maker = packager(config, may_copy=not no_copy, explicit_heights=heights is not None)
        packaged = asyncio.run(_package(maker, source, folder, report, force=force))
    report.done(source, folder, packaged)


async def _package(
    packager: Packager, source: Path, folder: Path, report: PackageReporter, *, force: bool
) -> PackagingResult:
    cancel_on_sigterm()
    with create_hls_folder(folder, force=force) as made:
        return await packager.package(source, made, report.step)

"""What `streamtime package` tells, and in which words; how is in `telling.py`."""

import time
from pathlib import Path

import rich_click as click
from rich.progress import BarColumn, TextColumn

from streamtime.cli.telling import JsonReporter, ProgressReporter, TerminalReporter, counted, print_json
from streamtime.http.words import duration_text
from streamtime.library.renditions import RenditionKind
from streamtime.pipeline.folder import CHAPTERS, MASTER_PLAYLIST, POSTER, PREVIEW, STORYBOARD
from streamtime.pipeline.packaged import FolderCaptions, PackagedRendition, PackagingProgress, PackagingResult

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

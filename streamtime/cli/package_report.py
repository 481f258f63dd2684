"""How `streamtime package` tells what it does: a bar on a terminal, plain lines in a pipe, JSON for programs.

Progress goes to standard error, the result to standard output; JSON is all on standard output. It knows words and
figures, nothing of the work.
"""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from streamtime.errors import StreamtimeError
from streamtime.http.words import duration_text
from streamtime.library.renditions import Kind
from streamtime.pipeline.folder import CHAPTERS, MASTER, POSTER, PREVIEW, STORYBOARD
from streamtime.pipeline.packaged import FolderCaptions, Made, Packaged, Step

LINE_EVERY_S = 1.0
LINE_EVERY = 0.05
"""What a line in a pipe is further on than the last one, at least, in time and in shares of the work."""


class Report:
    """Tells the end, and nothing on the way; each way of telling adds to it."""

    def __enter__(self) -> Self:
        """Begin to tell."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what was on the screen for the time of the work."""

    def step(self, step: Step) -> None:
        """The work is that far."""

    def failed(self, error: StreamtimeError) -> None:
        """Nothing comes of it. People are told so by the command line itself."""

    def done(self, source: Path, folder: Path, packaged: Packaged) -> None:
        """It is there."""
        for note in packaged.notes:
            click.echo(f"streamtime: {note}", err=True)
        if packaged.damaged_after_ms is not None:
            after = duration_text(packaged.damaged_after_ms)
            click.echo(f"streamtime: {source} is damaged after {after}; what comes before it plays.", err=True)
        pictures = [made.new.name for made in packaged.renditions if made.new.kind is Kind.VIDEO]
        sounds = sum(made.new.kind is Kind.AUDIO for made in packaged.renditions)
        sound = ("no sound", "sound")[sounds] if sounds <= 1 else f"{sounds} sound tracks"
        parts = [*pictures, sound, *_counted(len(packaged.captions), "caption track")]
        parts += [*_counted(packaged.chapters, "chapter"), duration_text(packaged.duration_ms)]
        click.echo(f"{folder / MASTER}: {', '.join(parts)}")


class Bar(Report):
    """A line on the terminal that fills up."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("Looking at it", total=1.0, figures="")
        self._stage = ""

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    def step(self, step: Step) -> None:
        """Fill it so far. A stage is seen, however short it is."""
        news = step.stage != self._stage
        self._stage = step.stage
        figures = _figures(step)
        self._progress.update(
            self._task, refresh=news, description=step.stage, completed=step.fraction, figures=figures
        )


class Lines(Report):
    """A line now and then, for a file or a pipe."""

    def __init__(self) -> None:
        self._stage = ""
        self._fraction = 0.0
        self._at = 0.0

    def step(self, step: Step) -> None:
        """Say it if it is news."""
        now = time.monotonic()
        further = step.fraction - self._fraction >= LINE_EVERY and now - self._at >= LINE_EVERY_S
        if step.stage == self._stage and not further:
            return
        self._stage, self._fraction, self._at = step.stage, step.fraction, now
        click.echo(f"{step.stage}: {_figures(step)}", err=True)


class JsonLines(Report):
    """One object a line, each with what it tells of as `event`."""

    def step(self, step: Step) -> None:
        """Tell every step."""
        _print(
            event="progress",
            stage=step.stage,
            fraction=round(step.fraction, 4),
            speed=step.speed,
            left_s=None if step.left_s is None else round(step.left_s, 1),
        )

    def failed(self, error: StreamtimeError) -> None:
        """Tell why nothing comes of it."""
        _print(event="failed", code=error.code, message=error.message)

    def done(self, source: Path, folder: Path, packaged: Packaged) -> None:
        """Tell what was made."""
        _print(
            event="done",
            source=str(source),
            master=str(folder / MASTER),
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


def _rendition(made: Made) -> dict[str, object]:
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
        "language": made.new.sound.language,
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
    return [f"{number} {noun}{'' if number == 1 else 's'}"] if number else []


def _print(**values: object) -> None:
    click.echo(msgspec.json.encode(values).decode())


def _figures(step: Step) -> str:
    """How much is done, how fast, and what is left: `45 %, 3.2x, 1:20 left`."""
    parts = [f"{step.fraction:.0%}".replace("%", " %")]
    if step.speed is not None:
        parts.append(f"{step.speed:.1f}x")
    if step.left_s is not None:
        parts.append(f"{duration_text(round(step.left_s * 1000))} left")
    return ", ".join(parts)

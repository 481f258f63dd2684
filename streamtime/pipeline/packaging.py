"""One file made into an HLS folder, without a library: the decisions and the workers of the server.

What is made is decided where the server's jobs ask too (`prepare.py`, `plan.py`, `choice.py`, `passes.py`); this puts
it in the same order: what needs no encoding of the picture, the first rung, other sounds, other rungs, stills.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from streamtime.captions.webvtt import write_chapters
from streamtime.errors import Invalid
from streamtime.hls.ladder import quickest_useful
from streamtime.hls.playlists import captions_playlist
from streamtime.library.playability import UNPLAYABLE, WORDS
from streamtime.library.renditions import Kind
from streamtime.pipeline.choice import dropped_words, rest_of
from streamtime.pipeline.folder import CHAPTERS, HlsFolder
from streamtime.pipeline.folder_making import Stage, Work, carry_out
from streamtime.pipeline.folder_stills import make_stills
from streamtime.pipeline.packaged import Packaged, Tell, in_order, master_of
from streamtime.pipeline.passes import passes, source_of
from streamtime.pipeline.plan import (
    ENCODE_TARGET_S,
    Planned,
    encode_order,
    grid_for,
    left,
    plan_first,
    plan_other_audios,
    plan_rungs,
    rungs_for,
    sounds_order,
    stage_words,
)
from streamtime.pipeline.prepare import UNFIT, copies_picture, missing, no_poster_words, order_of, unfit_for
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.shares import COPIED, LOOKED_AT, WATCHABLE
from streamtime.pipeline.side_tracks import chapters, not_shown
from streamtime.pipeline.sounds import DISK_CODES, left_out_words
from streamtime.source_facts import SourceFacts
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.worker import Worker


class Packager:
    """Makes HLS folders; `may_copy` says whether anything of a source may be taken over without encoding it.

    Rungs that save little are left out, unless the heights were `asked_for`.
    """

    def __init__(
        self, launcher: WorkerLauncher, settings: TranscodeSettings, *, may_copy: bool, asked_for: bool
    ) -> None:
        self._launcher = launcher
        self._settings = settings
        self._may_copy = may_copy
        self._asked_for = asked_for

    async def package(self, source: Path, folder: HlsFolder, tell: Tell) -> Packaged:
        """Make everything that the server would make, and publish it.

        Raises:
            Invalid: the source cannot be opened.
            WorkerFailed: it cannot be packaged.
        """
        work = Work(folder, tell)
        with _opened(source) as descriptor:
            facts, copies = await self._prepare(work, descriptor)
            if not work.copied:
                copies = await self._first(work, descriptor, facts, copies)
            # Once it has been read to its end, what the file says of its length counts no more.
            facts = msgspec.structs.replace(facts, duration_ms=work.duration_ms or facts.duration_ms)
            await self._others(work, descriptor, facts, copies)
        if not any(made.new.kind is Kind.VIDEO for made in work.made):
            raise WorkerFailed(UNPLAYABLE, WORDS, retryable=False)
        has_stills = await make_stills(work, self._launcher)
        return _published(work, facts, has_stills=has_stills)

    async def _prepare(self, work: Work, descriptor: int) -> tuple[SourceFacts, frozenset[Kind]]:
        """Look at it, and make what needs no encoding of the picture; what may still be copied is given too."""
        copies = frozenset({Kind.VIDEO, Kind.AUDIO} if self._may_copy else ())
        facts: SourceFacts | None = None
        unfit: Kind | None = None
        while facts is None or unfit is not None:
            async with self._launcher.launch(descriptor) as worker:
                facts = facts or await worker.probe()
                unfit = await self._first_order(work, worker, facts, copies)
            copies -= {unfit}
        return facts, copies

    async def _first_order(
        self, work: Work, worker: Worker, facts: SourceFacts, copies: frozenset[Kind]
    ) -> Kind | None:
        """Make what is missing. What looked copyable and turns out not to be is given back, to be done otherwise."""
        planned = missing(work, facts, [made.new for made in work.made], copies)
        subtitles = [track for track in facts.subtitles if track.is_text and track.stream not in work.read]
        if not planned and work.has_poster and not subtitles:
            return None
        order = order_of(facts, planned, subtitles, wants_poster=not work.has_poster)
        end = LOOKED_AT
        if copies_picture(facts, copies):
            end = COPIED if rungs_for(facts, self._settings.rungs, copied=True) else 1.0
        stage = Stage(stage_words(plan.new.name for plan in planned), 0.0, end)
        try:
            await carry_out(work, worker, order, planned, stage, subtitles)
        except WorkerFailed as error:
            if not planned and error.code not in DISK_CODES:
                work.notes.append(no_poster_words(error.message))
                return None
            return _unfit(error, planned, copies)
        return None

    async def _first(self, work: Work, descriptor: int, facts: SourceFacts, copies: frozenset[Kind]) -> frozenset[Kind]:
        """Encode the first rung, and the sound with it; what may still be copied is given back."""
        rungs = rungs_for(facts, self._settings.rungs, copied=False)
        first = quickest_useful(rungs)
        longest_s = max((made.new.target_duration_s for made in work.made), default=ENCODE_TARGET_S)
        while True:
            may_copy = Kind.AUDIO in copies
            plan = plan_first(facts, first, work.new_key, may_copy=may_copy, longest_s=longest_s)
            planned = left(plan, work.names)
            if not planned:
                return copies
            stage = Stage(
                stage_words(one.new.name for one in planned), work.reached, WATCHABLE if len(rungs) > 1 else 1.0
            )
            whole = work.names
            try:
                async with self._launcher.launch(descriptor) as worker:
                    await carry_out(work, worker, encode_order(facts, planned, grid_for(None)), planned, stage)
                if work.names == whole:
                    return copies  # there is nothing in what is left: not one packet
            except WorkerFailed as error:
                copies -= {_unfit(error, planned, copies)}

    async def _others(self, work: Work, descriptor: int, facts: SourceFacts, copies: frozenset[Kind]) -> None:
        """Make the other sound tracks, then the rungs that pay, in as many decodes as memory asks for."""
        rungs = self._settings.rungs
        wanted = [rung.name for rung in rungs_for(facts, rungs, copied=work.copied)] if self._asked_for else []
        rest = rest_of(facts, rungs, work.whole, wanted)
        work.notes += map(dropped_words, rest.dropped)
        await self._sounds(work, descriptor, facts, copies, longest_s=rest.longest_s)
        stage = Stage("", work.reached, 1.0)
        parts = passes(source_of(facts), rest.rungs, self._settings.memory_budget_bytes)
        for number, part in enumerate(parts):
            planned = plan_rungs(part, work.new_key, longest_s=rest.longest_s)
            own = stage.part(number, len(parts), stage_words(rung.name for rung in part))
            async with self._launcher.launch(descriptor) as worker:
                order = encode_order(facts, planned, rest.grid, measured=bool(work.duration_ms))
                await carry_out(work, worker, order, planned, own)

    async def _sounds(
        self, work: Work, descriptor: int, facts: SourceFacts, copies: frozenset[Kind], *, longest_s: int
    ) -> None:
        """Make them all in one reading. One that cannot be made costs the others nothing but a note."""
        own = Stage("Preparing sound", work.reached, work.reached)
        while True:
            names = {name for _kind, name in work.names}
            may_copy = Kind.AUDIO in copies
            planned = plan_other_audios(facts, names, work.new_key, may_copy=may_copy, longest_s=longest_s)
            if not planned:
                return
            try:
                async with self._launcher.launch(descriptor) as worker:
                    await carry_out(work, worker, sounds_order(facts, planned), planned, own)
            except WorkerFailed as error:
                if UNFIT.get(error.code) is Kind.AUDIO and may_copy:
                    copies -= {Kind.AUDIO}
                    continue
                if error.code in DISK_CODES:
                    raise
                work.notes.append(left_out_words(error.message))
                return
            else:
                return  # a sound without one packet would be asked for again and again


def _unfit(error: WorkerFailed, planned: Sequence[Planned], copies: frozenset[Kind]) -> Kind:
    """What cannot be copied after all; any other failure goes on its way."""
    unfit = unfit_for(error, planned, copies)
    if unfit is None:
        raise error
    return unfit


def _published(work: Work, facts: SourceFacts, *, has_stills: bool) -> Packaged:
    """Write what names the rest, and put everything in its place."""
    found = chapters(facts)
    if found:
        work.folder.write(CHAPTERS, write_chapters([(one.start_ms, one.end_ms, one.title) for one in found]))
    for captions in work.captions:
        work.folder.write(captions.uri, captions_playlist(f"{captions.name}.vtt", work.duration_ms))
    made = in_order(work.made)
    work.folder.publish(master_of(made, work.captions))
    notes = (*filter(None, [not_shown(facts)]), *work.notes)
    return Packaged(
        renditions=made,
        captions=tuple(work.captions),
        chapters=len(found),
        has_poster=work.has_poster,
        has_stills=has_stills,
        duration_ms=work.duration_ms,
        damaged_after_ms=work.damaged_after_ms,
        notes=notes,
    )


@contextmanager
def _opened(source: Path) -> Iterator[int]:
    if source.exists() and not source.is_file():
        raise Invalid(f"{source} is no file.")  # opening a pipe would wait for somebody to write
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(f"{source} cannot be read: {error.strerror or error}.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)

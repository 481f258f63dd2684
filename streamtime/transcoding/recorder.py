"""What is written down of an order: what it begins, what of it is on disk, what is whole, what came to nothing.

It knows rows alone: by the time it is asked, the bytes that a row speaks of are on disk.
"""

import asyncio
from collections.abc import Sequence

from streamtime.database.transaction import Transaction
from streamtime.hls.segment_index import GrowingIndex, SegmentIndex
from streamtime.storage.objects.ledger import Ledger
from streamtime.transcoding.encode_state import EncodeOutput, EncodeState
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.plan import PlannedRendition, format_time
from streamtime.videos.progress import GrowingRenditions
from streamtime.videos.renditions import Rendition, RenditionKind, StartedRendition
from streamtime.videos.videos import require_not_deleted
from streamtime.workers.protocol import Package


class OrderRecorder:
    """Keeps the rows of what is being made. All but `begin` raise `VideoGone` where the video was deleted."""

    def __init__(self, records: VideoRecords, growing: GrowingRenditions, ledger: Ledger) -> None:
        self._records = records
        self._growing = growing
        self._ledger = ledger

    async def begin(self, state: EncodeState, order: Package, planned: Sequence[PlannedRendition]) -> None:
        """Write the intent down before a byte is made, and take up what is to be gone on with."""
        video = state.video

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, video.id)
            for plan in planned:
                state.outputs[plan.order.output] = await self._output(tx, state, plan)
            if order.poster is not None:
                state.poster_output = order.poster.output
                state.poster_key = video.new_key(".jpg")
                state.poster_object = await self._ledger.stage(
                    tx, state.poster_key, kind="poster", owner_id=video.owner_id
                )

        await self._records.database.write(body)

    async def checkpoint(self, state: EncodeState, segments: Sequence[tuple[EncodeOutput, SegmentIndex]]) -> None:
        """So much of these is on disk: an attempt after this one goes on from there."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._describe(tx, state)
            for output, index in segments:
                await self._records.renditions.checkpoint(tx, output.begun.id, index)

        await self._records.database.write(body)

    async def complete(self, state: EncodeState, output: EncodeOutput, index: SegmentIndex) -> None:
        """All of a rendition is on disk."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._describe(tx, state)
            await self._records.renditions.complete(tx, output.begun, index)
            await self._record_speed(tx, state, output, index)
            await self._records.lifecycle.queue_finalize(tx, state.video, output.begun.object_id)
            if output.new.kind is RenditionKind.VIDEO:
                await self._records.lifecycle.queue_stills(tx, state.video)

        await self._records.database.write(body)

    async def playable(self, state: EncodeState) -> None:
        """It can be watched from now on."""
        growing = any(output.new.kind is RenditionKind.VIDEO and output.published for output in state.outputs.values())

        async def body(tx: Transaction) -> None:
            await self._describe(tx, state)
            await self._records.lifecycle.mark_playable(tx, state.video, growing=growing)

        await self._records.database.write(body)

    async def poster(self, state: EncodeState, object_id: int, *, length_bytes: int) -> None:
        """The poster is on disk."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._ledger.complete(tx, object_id, length_bytes=length_bytes)
            await self._records.lifecycle.set_poster(tx, state.video, object_id)
            await self._records.lifecycle.queue_finalize(tx, state.video, object_id)

        await self._records.database.write(body)

    async def record_dropped_audio(self, state: EncodeState) -> None:
        """Take out the rows of sound of which nothing came."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._records.lifecycle.drop_growing(tx, state.video.id, only=state.dropped)
            await self._records.lifecycle.add_timeline_entry(
                tx, state.video, "sound_left_out", "A sound track is left out: there is nothing in it."
            )

        await self._records.database.write(body)

    async def clean_up(self, state: EncodeState) -> None:
        """Take out what did not become whole, unless the next attempt goes on with it from its checkpoint."""

        async def body(tx: Transaction) -> None:
            if state.done is None:
                # Another job may be making other renditions of the same video at this moment: those stay.
                await self._records.lifecycle.drop_growing(tx, state.video.id, only=state.unresumable())
                await tx.bump_epoch()  # what is known of growing ones is read again from their rows
            if state.poster_object is not None:
                await self._records.lifecycle.discard_staged(tx, state.poster_object)

        await self._records.database.write(body)

    async def _output(self, tx: Transaction, state: EncodeState, plan: PlannedRendition) -> EncodeOutput:
        if plan.resumed is not None and plan.resumed.checkpoint is not None:
            return await self._resume(tx, state, plan, plan.resumed, plan.resumed.checkpoint)
        return EncodeOutput(
            await self._records.renditions.begin(tx, state.video.id, state.video.owner_id, plan.new), plan.new
        )

    async def _resume(
        self, tx: Transaction, state: EncodeState, plan: PlannedRendition, kept: Rendition, checkpoint: SegmentIndex
    ) -> EncodeOutput:
        output = EncodeOutput(StartedRendition(kept.id, kept.object_id, kept.attempt_id), plan.new)
        output.index = GrowingIndex.after(checkpoint)
        output.resumed_s = checkpoint.duration_ms / 1000
        output.publish(checkpoint, self._growing)
        at = format_time(checkpoint.duration_ms)
        await self._records.lifecycle.add_timeline_entry(
            tx, state.video, "resumed", f"{plan.new.name} resumed at {at}.", at_ms=checkpoint.duration_ms
        )
        return output

    async def _describe(self, tx: Transaction, state: EncodeState) -> None:
        for rendition_id, description in state.pending_formats:
            await self._records.renditions.describe(tx, rendition_id, description)
        tx.after_commit(state.pending_formats.clear)

    async def _record_speed(
        self, tx: Transaction, state: EncodeState, output: EncodeOutput, index: SegmentIndex
    ) -> None:
        held_s = state.stage.paused_s if state.stage is not None else 0.0
        took_s = max(0.001, asyncio.get_running_loop().time() - state.started_s - held_s)
        speed = (index.duration_ms / 1000 - output.resumed_s) / took_s
        words = f"{output.new.name} is whole after {took_s:.1f} s, {speed:.1f} times as fast as it plays."
        await self._records.lifecycle.add_timeline_entry(
            tx,
            state.video,
            "made",
            words,
            name=output.new.name,
            took_s=round(took_s, 3),
            speed=round(speed, 3),
            average_bps=index.average_bps,
        )

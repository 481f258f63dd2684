"""What is written down of an order: what it begins, what of it is on disk, what is whole, what came to nothing.

It knows rows alone: by the time it is asked, the bytes that a row speaks of are on disk.
"""

import asyncio
from collections.abc import Sequence

from streamtime.database.transaction import Transaction
from streamtime.hls.segment_index import GrowingIndex, SegmentIndex
from streamtime.library.growing import GrowingRenditions
from streamtime.library.renditions import Begun, Kind, Rendition
from streamtime.library.videos import require_alive
from streamtime.objects.ledger import Ledger
from streamtime.pipeline.plan import Planned, clock_time
from streamtime.pipeline.records import Records
from streamtime.pipeline.under_way import Making, Output
from streamtime.worker_protocol import Package


class Bookkeeping:
    """Keeps the rows of what is being made. All but `begin` raise `VideoGone` where the video was deleted."""

    def __init__(self, records: Records, growing: GrowingRenditions, ledger: Ledger) -> None:
        self._records = records
        self._growing = growing
        self._ledger = ledger

    async def begin(self, making: Making, order: Package, planned: Sequence[Planned]) -> None:
        """Write the intent down before a byte is made, and take up what is to be gone on with."""
        video = making.video

        async def body(tx: Transaction) -> None:
            await require_alive(tx, video.id)
            for plan in planned:
                making.outputs[plan.order.output] = await self._output(tx, making, plan)
            if order.poster is not None:
                making.poster_output = order.poster.output
                making.poster_key = video.new_key(".jpg")
                making.poster_object = await self._ledger.stage(
                    tx, making.poster_key, kind="poster", owner_id=video.owner_id
                )

        await self._records.database.write(body)

    async def checkpoint(self, making: Making, fresh: Sequence[tuple[Output, SegmentIndex]]) -> None:
        """So much of these is on disk: an attempt after this one goes on from there."""

        async def body(tx: Transaction) -> None:
            await require_alive(tx, making.video.id)
            await self._describe(tx, making)
            for output, index in fresh:
                await self._records.renditions.checkpoint(tx, output.begun.id, index)

        await self._records.database.write(body)

    async def whole(self, making: Making, output: Output, index: SegmentIndex) -> None:
        """All of a rendition is on disk."""

        async def body(tx: Transaction) -> None:
            await require_alive(tx, making.video.id)
            await self._describe(tx, making)
            await self._records.renditions.complete(tx, output.begun, index)
            await self._note_speed(tx, making, output, index)
            await self._records.lifecycle.settle(tx, making.video, output.begun.object_id)
            if output.new.kind is Kind.VIDEO:
                await self._records.lifecycle.wants_stills(tx, making.video)

        await self._records.database.write(body)

    async def playable(self, making: Making) -> None:
        """It can be watched from now on."""
        growing = any(output.new.kind is Kind.VIDEO and output.shown for output in making.outputs.values())

        async def body(tx: Transaction) -> None:
            await self._describe(tx, making)
            await self._records.lifecycle.playable(tx, making.video, growing=growing)

        await self._records.database.write(body)

    async def poster(self, making: Making, object_id: int, *, length_bytes: int) -> None:
        """The poster is on disk."""

        async def body(tx: Transaction) -> None:
            await require_alive(tx, making.video.id)
            await self._ledger.complete(tx, object_id, length_bytes=length_bytes)
            await self._records.lifecycle.poster(tx, making.video, object_id)
            await self._records.lifecycle.settle(tx, making.video, object_id)

        await self._records.database.write(body)

    async def left_out(self, making: Making) -> None:
        """Take out the rows of sound of which nothing came."""

        async def body(tx: Transaction) -> None:
            await require_alive(tx, making.video.id)
            await self._records.lifecycle.drop_growing(tx, making.video.id, only=making.empty)
            await self._records.lifecycle.note(
                tx, making.video, "sound_left_out", "A sound track is left out: there is nothing in it."
            )

        await self._records.database.write(body)

    async def clear_away(self, making: Making) -> None:
        """Take out what did not become whole, unless the next attempt goes on with it from its checkpoint."""

        async def body(tx: Transaction) -> None:
            if making.done is None:
                # Another job may be making other renditions of the same video at this moment: those stay.
                await self._records.lifecycle.drop_growing(tx, making.video.id, only=making.given_up())
                await tx.raise_epoch()  # what is known of growing ones is read again from their rows
            if making.poster_object is not None:
                await self._records.lifecycle.abandon(tx, making.poster_object)

        await self._records.database.write(body)

    async def _output(self, tx: Transaction, making: Making, plan: Planned) -> Output:
        if plan.kept is not None and plan.kept.checkpoint is not None:
            return await self._taken_up(tx, making, plan, plan.kept, plan.kept.checkpoint)
        return Output(
            await self._records.renditions.begin(tx, making.video.id, making.video.owner_id, plan.new), plan.new
        )

    async def _taken_up(
        self, tx: Transaction, making: Making, plan: Planned, kept: Rendition, checkpoint: SegmentIndex
    ) -> Output:
        output = Output(Begun(kept.id, kept.object_id, kept.attempt_id), plan.new)
        output.index = GrowingIndex.after(checkpoint)
        output.kept_s = checkpoint.duration_ms / 1000
        output.show(checkpoint, self._growing)
        at = clock_time(checkpoint.duration_ms)
        await self._records.lifecycle.note(
            tx, making.video, "resumed", f"{plan.new.name} resumed at {at}.", at_ms=checkpoint.duration_ms
        )
        return output

    async def _describe(self, tx: Transaction, making: Making) -> None:
        for rendition_id, description in making.described:
            await self._records.renditions.describe(tx, rendition_id, description)
        tx.after_commit(making.described.clear)

    async def _note_speed(self, tx: Transaction, making: Making, output: Output, index: SegmentIndex) -> None:
        held_s = making.stage.held_s if making.stage is not None else 0.0
        took_s = max(0.001, asyncio.get_running_loop().time() - making.began_s - held_s)
        speed = (index.duration_ms / 1000 - output.kept_s) / took_s
        words = f"{output.new.name} is whole after {took_s:.1f} s, {speed:.1f} times as fast as it plays."
        await self._records.lifecycle.note(
            tx,
            making.video,
            "made",
            words,
            name=output.new.name,
            took_s=round(took_s, 3),
            speed=round(speed, 3),
            average_bps=index.average_bps,
        )

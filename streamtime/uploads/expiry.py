"""Giving up uploads that nobody goes on with: what has arrived of them goes, and so does the video it was to become."""

from functools import partial

from streamtime.database.transaction import Database, Transaction
from streamtime.library.deletion import Deletion
from streamtime.library.videos import Videos
from streamtime.sharing.drops import give_back
from streamtime.uploads.upload import UploadRows


class UploadExpiry:
    """Finds them and lets them go."""

    def __init__(self, database: Database, rows: UploadRows, videos: Videos, deletion: Deletion) -> None:
        self._database = database
        self._rows = rows
        self._videos = videos
        self._deletion = deletion

    async def begin(self) -> None:
        """Once, at the start: every unfinished upload has an end."""
        await self._database.write(self._rows.set_terms)

    async def any_overdue(self) -> bool:
        """Whether there is something to do."""
        return bool(await self._rows.overdue())

    async def give_up(self) -> int:
        """Give up those that are overdue now; how many there were."""
        count = 0
        while overdue := await self._rows.overdue():
            for video_id in overdue:
                count += await self._database.write(partial(self._give_up, video_id=video_id))
        return count

    async def _give_up(self, tx: Transaction, video_id: int) -> bool:
        if not await self._rows.is_overdue(tx, video_id):
            return False  # more of it has come
        drop_id = await self._rows.drop_id_of(tx, video_id)
        if drop_id is not None:
            await give_back(tx, drop_id)
        await self._deletion.purge(tx, await self._videos.by_id(video_id))
        return True

"""Reserving room for uploads: against their owner's quota and the spool's disk, when they begin and when they go on."""

from streamtime.database.transaction import Transaction
from streamtime.errors import NoSpace
from streamtime.storage.spool import Spool
from streamtime.uploads.upload import Upload, UploadRepository
from streamtime.videos.quota import QuotaExceeded, SpaceRequest, StorageUsage


class UploadSpace:
    """Asks for room. `minimum_free_bytes` of the disk are never given away."""

    def __init__(self, usage: StorageUsage, spool: Spool, rows: UploadRepository, *, minimum_free_bytes: int) -> None:
        self._usage = usage
        self._spool = spool
        self._rows = rows
        self._minimum_free_bytes = minimum_free_bytes

    async def require_available(self) -> None:
        """Return where the spool's folder is there.

        Raises:
            Unavailable: it is not; the message names it.
        """
        await self._free_bytes()

    async def reserve(self, tx: Transaction, owner_id: int, length_bytes: int, *, via_upload_request: bool) -> None:
        """Let an upload that begins be written down in this transaction, or raise.

        Raises:
            QuotaExceeded: its owner may not have so much.
            NoSpace: the disk has no room for it, or, by a link, either of the two.
        """
        try:
            await self._usage.reserve(tx, SpaceRequest(owner_id, length_bytes, via_upload_request), self._free_bytes)
        except (QuotaExceeded, NoSpace):
            if not via_upload_request:
                raise
            # How much its owner has, and the disk, is not for guests to know.
            raise NoSpace("There is no room left for this file.") from None

    async def renew(self, tx: Transaction, upload: Upload, offset_bytes: int) -> None:
        """Reserve room for what is missing of an upload whose reservation has lapsed; as `reserve`, or raise."""
        by_link = upload.drop_id is not None
        await self.reserve(tx, upload.owner_id, upload.length_bytes - offset_bytes, via_upload_request=by_link)
        await self._rows.reserve(tx, upload.id)

    async def _free_bytes(self) -> int:
        return await self._spool.free_bytes() - self._minimum_free_bytes

"""Tells the bus what a transaction has changed, once it is committed."""

from streamtime.database.transaction import Transaction
from streamtime.events.bus import Change, EventBus, VideoChanged
from streamtime.library.video import Video


class News:
    """What pages are told about videos."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def after(self, tx: Transaction, video: Video, change: Change = Change.CHANGED) -> None:
        """Tell it when `tx` is on disk."""
        tx.after_commit(lambda: self.now(video, change))

    def created(self, tx: Transaction, video_id: int, public_id: str, owner_id: int) -> None:
        """Tell of a new video when `tx` is on disk."""
        news = VideoChanged(video_id, public_id, owner_id, Change.CREATED)
        tx.after_commit(lambda: self._bus.publish(news))

    def now(self, video: Video, change: Change = Change.CHANGED) -> None:
        """Tell it at once: for soft facts that no transaction carries."""
        self._bus.publish(VideoChanged(video.id, video.public_id, video.owner_id, change))

"""Tells the bus what a transaction has changed, once it is committed."""

from streamtime.database.transaction import Transaction
from streamtime.events.bus import ChangeKind, EventBus, VideoChanged
from streamtime.library.video import Video


class VideoEventPublisher:
    """What pages are told about videos."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def publish_on_commit(self, tx: Transaction, video: Video, change: ChangeKind = ChangeKind.CHANGED) -> None:
        """Tell it when `tx` is on disk."""
        tx.after_commit(lambda: self.publish(video, change))

    def publish_created_on_commit(self, tx: Transaction, video_id: int, public_id: str, owner_id: int) -> None:
        """Tell of a new video when `tx` is on disk."""
        news = VideoChanged(video_id, public_id, owner_id, ChangeKind.CREATED)
        tx.after_commit(lambda: self._bus.publish(news))

    def publish(self, video: Video, change: ChangeKind = ChangeKind.CHANGED) -> None:
        """Tell it at once: for soft facts that no transaction carries."""
        self._bus.publish(VideoChanged(video.id, video.public_id, video.owner_id, change))

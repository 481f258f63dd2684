"""When decoded pictures are shown, where the container tells only in which order they are decoded: AVI.

It knows one stream's frames in the order they are shown.
"""

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

WITHOUT_TIMES = {"avi"}


class PictureTimes:
    """Gives every frame of one stream its time. The first one shown begins the stream, as its sound does."""

    def __init__(self, kind: str, stream: VideoStream) -> None:
        self._by_order = kind in WITHOUT_TIMES
        self._start = stream.start_time or 0
        self._delay: int | None = None

    def put(self, frame: VideoFrame) -> VideoFrame:
        """Set the frame's time, in the stream's ticks; None where it only follows the one before it."""
        if self._by_order:
            frame.pts = self._in_order(frame.dts)
        return frame

    def _in_order(self, decoded: int | None) -> int | None:
        """Read decode times as times of showing, less the time by which a decoder holds pictures back."""
        if decoded is None:
            return None
        if self._delay is None:
            self._delay = decoded - self._start
        return decoded - self._delay

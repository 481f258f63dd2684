"""Decodes one video stream for the ladder and skips damaged packets."""

import av.error
from av.video.stream import VideoStream

from streamtime.media import order_errors
from streamtime.media.ladder import LadderEncoder
from streamtime.media.source import AnyPacket
from streamtime.media.timestamps import FrameTimestamps
from streamtime.media.video_stream import MAX_PACKETS

_MAX_BAD_PACKETS = 200


class VideoDecoder:
    """Decodes frames and passes them to the ladder; single damaged packets are skipped."""

    def __init__(self, stream: VideoStream, ladder: LadderEncoder, times: FrameTimestamps) -> None:
        self._stream = stream
        self._times = times
        self._ladder = ladder
        self._bad_in_a_row = 0
        self._has_decoded = False
        """Whether a frame was decoded; packets before the first keyframe may all be undecodable."""

    def take(self, packet: AnyPacket | None) -> None:
        """Decode one packet; None drains the decoder."""
        try:
            frames = self._stream.decode(packet)
        except av.error.FFmpegError:
            self._bad_in_a_row += 1
            if self._bad_in_a_row > (_MAX_BAD_PACKETS if self._has_decoded else MAX_PACKETS):
                raise order_errors.damaged(round(self._ladder.end_s * 1000)) from None
            return
        for frame in frames:
            self._bad_in_a_row, self._has_decoded = 0, True
            if frame.time_base is None:
                # Frames drained at the end have no packet to take the time base from.
                frame.time_base = self._stream.time_base
            self._ladder.put(self._times.put(frame))

    def finish(self) -> None:
        """Drain the decoder and close the ladder."""
        self.take(None)
        self._ladder.close()

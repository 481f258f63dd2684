"""Resumes interrupted renditions: where to start reading, and whether the result is exact.

Reading starts at a keyframe some seconds before the earliest resume point; frames before an output's own resume point
are dropped. If the source cannot be read like that, the outputs are started again.
"""

from collections import deque
from fractions import Fraction

import av.error
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame

from streamtime.media import order_errors
from streamtime.workers.protocol import Package

_MARGIN_S = 3
"""Audio may be that far before its video, and a decoder may need some frames to settle."""

_MICRO = 1_000_000


def lead_in_s(order: Package) -> Fraction:
    """Return the start of the needed part of the source, on the video's timeline: 0 unless all outputs are resumed."""
    resumes = [*(encode.resume for encode in order.encodes), *(audio.resume for audio in order.audios)]
    if order.copy is not None or not resumes or None in resumes:
        return Fraction(0)
    return min(resume.lead_in_s for resume in resumes if resume is not None)


def exact_ticks(time_s: Fraction, tick: Fraction) -> int:
    """Convert a time to ticks.

    Raises:
        OrderError: with `resume_unfit` if it is no whole number of ticks.
    """
    ticks = time_s / tick
    if ticks.denominator != 1:
        raise order_errors.resume_unfit("its time base has changed")
    return int(ticks)


class ResumedDecodeTimes:
    """Gives the packets of a resumed encoder the decode times that they would have had without an interruption.

    An encoder shows its n-th packet no earlier than it takes the n-th frame minus its delay; so decode times are the
    times of frames, delayed by the number of frames that may be reordered. A new encoder lacks those before the resume
    point.
    """

    def __init__(self, delay: int) -> None:
        self._delay = delay
        self._times: deque[int] = deque()

    def add_skipped(self, pts: int) -> None:
        """Take a frame before the resume point."""
        self._times.append(pts)
        if len(self._times) > self._delay:
            self._times.popleft()

    def add_encoded(self, pts: int) -> None:
        """Take a frame that is encoded.

        Raises:
            OrderError: with `resume_unfit` if there were too few frames before the resume point.
        """
        if len(self._times) < self._delay:
            raise order_errors.resume_unfit("there are too few frames before the resume point")
        self._times.append(pts)

    def next(self) -> int:
        """Return the decode time of the next packet."""
        return self._times.popleft()


def seek(container: InputContainer, stream: Stream, order: Package) -> None:
    """Seek to a keyframe well before the first resume point; does nothing if that is the beginning of the file.

    Raises:
        OrderError: with `resume_unfit` if the file is not seekable.
    """
    target_s = lead_in_s(order) - _MARGIN_S
    if target_s <= 0 or stream.time_base is None:
        return
    try:
        container.seek(int((target_s + Fraction(order.origin_us, _MICRO)) / stream.time_base), stream=stream)
    except av.error.FFmpegError:
        raise order_errors.resume_unfit("the file is not seekable") from None


def check_first(frame: VideoFrame | AudioFrame, place: int | None, start: int) -> None:
    """Check that the first decoded frame is at or before the resume point; both are in the same ticks.

    Raises:
        OrderError: with `resume_unfit` if it is later, or its time is unknown.
    """
    if place is None or place > start or frame.is_corrupt:
        raise order_errors.resume_unfit("the file has no timestamps after seeking")

"""Going on with renditions that broke off: where reading begins, and whether that is exact.

It knows times, nothing of encoders. Reading begins some seconds before the earliest joint, at a keyframe; what is
decoded before an output's own joint is dropped there. Where the source cannot be read like that, all is begun anew.
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
"""Sound may lie that much before the picture it belongs to, and a decoder may need a moment to settle."""

_MICRO = 1_000_000


def lead_in_s(order: Package) -> Fraction:
    """Tell from where on the source is needed, on the video's own time line: 0 unless all outputs are gone on with."""
    resumes = [*(encode.resume for encode in order.encodes), *(audio.resume for audio in order.audios)]
    if order.copy is not None or not resumes or None in resumes:
        return Fraction(0)
    return min(resume.lead_in_s for resume in resumes if resume is not None)


def exact_ticks(time_s: Fraction, tick: Fraction) -> int:
    """Count a time in ticks.

    Raises:
        Refusal: with `resume_unfit` where it is no whole number of them.
    """
    ticks = time_s / tick
    if ticks.denominator != 1:
        raise order_errors.resume_unfit("its times are counted in another way now")
    return int(ticks)


class ResumedDecodeTimes:
    """Gives packets of an encoder that began in the middle the decode times they would have had anyway.

    An encoder shows its n-th packet no earlier than it takes the n-th picture minus its delay; so decode times are
    the times of pictures, as many pictures late as it may reorder. A new encoder knows none from before the joint.
    """

    def __init__(self, delay: int) -> None:
        self._delay = delay
        self._line: deque[int] = deque()

    def before(self, pts: int) -> None:
        """A picture before the joint."""
        self._line.append(pts)
        if len(self._line) > self._delay:
            self._line.popleft()

    def after(self, pts: int) -> None:
        """A picture that the encoder takes.

        Raises:
            Refusal: with `resume_unfit` where there were too few before the joint.
        """
        if len(self._line) < self._delay:
            raise order_errors.resume_unfit("there is too little of it")
        self._line.append(pts)

    def next(self) -> int:
        """The decode time of the next packet."""
        return self._line.popleft()


def seek(container: InputContainer, stream: Stream, order: Package) -> None:
    """Go to a keyframe well before the first joint; at the beginning of the file there is nothing to do.

    Raises:
        Refusal: with `resume_unfit` where the file cannot be entered in the middle.
    """
    wanted_s = lead_in_s(order) - _MARGIN_S
    if wanted_s <= 0 or stream.time_base is None:
        return
    try:
        container.seek(int((wanted_s + Fraction(order.origin_us, _MICRO)) / stream.time_base), stream=stream)
    except av.error.FFmpegError:
        raise order_errors.resume_unfit("the file cannot be entered in the middle") from None


def check_first(frame: VideoFrame | AudioFrame, place: int | None, start: int) -> None:
    """Make sure that the first thing decoded lies at or before the joint: `place` and `start` in the same ticks.

    Raises:
        Refusal: with `resume_unfit` where it comes later, or where nobody knows.
    """
    if place is None or place > start or frame.is_corrupt:
        raise order_errors.resume_unfit("the file does not say where it is after a jump")

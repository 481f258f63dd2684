"""Why a file cannot be played, in plain words, and how FFmpeg's own errors become such words.

It knows codes and sentences, nothing of processes. The codes are part of the protocol: they never change meaning.
"""

import errno

from av.error import FFmpegError

from streamtime.errors import MediaError
from streamtime.workers.protocol import OrderFailed

DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""What ails the disk, not the file."""


class OrderError(MediaError):
    """The order cannot be fulfilled. `retryable` where another attempt may go better."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable


def empty() -> OrderError:
    """Zero bytes."""
    return OrderError("empty", "This file is empty.")


SUPPORTED_FORMATS = (
    "MP4, MOV, 3GP, MKV, WebM, TS, MPG, AVI, FLV, WMV, OGG, MXF, H.264, HEVC, GIF and APNG that move; MP3, M4A, AAC, "
    "FLAC, WAV, AIFF, CAF"
)
"""What is taken, in words."""


def not_media(kind: str | None = None) -> OrderError:
    """Text, an image, a program: nothing that holds moving pictures or sound. `kind` names it, where that is known."""
    what = f"This is {kind}, which is not taken." if kind else "This is not a video file."
    return OrderError("not_media", f"{what} Taken are {SUPPORTED_FORMATS}.")


def incomplete() -> OrderError:
    """An MP4 whose directory is missing: it is written last, so the copy broke off before it."""
    return OrderError("incomplete", "This video is incomplete: its end, where its directory is, is missing.")


def no_video() -> OrderError:
    """Sound, subtitles or cover art only."""
    return OrderError("no_video", "There is no video in this file.")


def unsupported_codec(codec: str) -> OrderError:
    """A picture that no decoder here can read."""
    return OrderError("unsupported_codec", f"The codec {codec} is not supported.")


def damaged(after_ms: int | None = None) -> OrderError:
    """Nothing, or nothing more, can be read from it."""
    if not after_ms:
        return OrderError("damaged", "This video is damaged: no picture could be read from it.")
    return OrderError("damaged", f"This video is damaged after {clock_time(after_ms)}.")


def too_large(width: int, height: int) -> OrderError:
    """More pixels than are decoded here."""
    return OrderError("too_large", f"A picture of {width} x {height} pixels is larger than what is supported.")


def not_a_picture() -> OrderError:
    """Text, a drawing, a film: no still picture of a kind that is read here."""
    return OrderError("not_a_picture", "This is not a picture that can be read here: JPEG, PNG, WebP and GIF can.")


def damaged_picture() -> OrderError:
    """It begins like a picture and does not go on like one."""
    return OrderError("damaged_picture", "This picture is damaged, or its end is missing.")


def unconfined(why: str) -> OrderError:
    """The kernel does not let this process give up its rights: no stranger's file is touched."""
    return OrderError(
        "unconfined", f"Videos are not worked on: this machine cannot confine the work. Missing: {why}.", retryable=True
    )


def copy_unfit(why: str) -> OrderError:
    """The picture turned out, on the way, not to be fit for copying: it is to be encoded instead."""
    return OrderError("copy_unfit", f"The video cannot be used as it is: {why}.")


def audio_copy_unfit(why: str) -> OrderError:
    """The sound turned out, on the way, not to be fit for copying: it is to be encoded instead."""
    return OrderError("audio_copy_unfit", f"The sound cannot be used as it is: {why}.")


def resume_unfit(why: str) -> OrderError:
    """What was begun cannot be gone on with exactly: it is to be begun anew."""
    return OrderError("resume_unfit", f"It cannot be gone on with: {why}.")


def as_failed(error: BaseException) -> OrderFailed:
    """Put any error into the words that go to the server; what is not foreseen says little, and may be retried."""
    match error:
        case OrderError():
            return OrderFailed(error.code, error.message, error.retryable)
        case MemoryError():
            return OrderFailed("out_of_memory", "There was not enough memory to work on this video.", retryable=True)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return OrderFailed("no_space", "The disk is full.", retryable=True)
        case OSError(errno=errno.EIO):
            return OrderFailed("disk_error", "The disk could not be read or written.", retryable=True)
        case FFmpegError():
            return OrderFailed("damaged", "This video is damaged or of a kind that is not supported.")
        case _:
            return OrderFailed("internal", "Something went wrong while working on this video.", retryable=True)


def clock_time(time_ms: int) -> str:
    """Write a time as people do: 00:03:12."""
    seconds = time_ms // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

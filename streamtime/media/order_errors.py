"""Errors of orders with a code and a message for the user, and the conversion of FFmpeg and system errors to them.

The codes are part of the protocol and never change their meaning.
"""

import errno

from av.error import FFmpegError

from streamtime.errors import MediaError
from streamtime.workers.protocol import OrderFailed

DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""Errors of the disk, not of the file."""


class OrderError(MediaError):
    """The order failed. `retryable` tells whether another attempt may succeed."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable


def empty() -> OrderError:
    """The file has no bytes."""
    return OrderError("empty", "This file is empty.")


SUPPORTED_FORMATS = (
    "MP4, MOV, 3GP, MKV, WebM, TS, MPG, AVI, FLV, WMV, OGG, MXF, H.264, HEVC, GIF and APNG that move; MP3, M4A, AAC, "
    "FLAC, WAV, AIFF, CAF"
)
"""Supported formats, for messages."""


def not_media(kind: str | None = None) -> OrderError:
    """The file has no video or audio: text, an image, a program. `kind` is its type, if known."""
    what = f"This is {kind}, which is not supported." if kind else "This is not a video file."
    return OrderError("not_media", f"{what} Supported are {SUPPORTED_FORMATS}.")


def incomplete() -> OrderError:
    """The index of an MP4 (`moov`) is missing. It is written last, so the file is truncated."""
    return OrderError("incomplete", "This video is incomplete: its end, which contains the index, is missing.")


def no_video() -> OrderError:
    """The file has only audio, subtitles or cover art where video is needed."""
    return OrderError("no_video", "There is no video in this file.")


def unsupported_codec(codec: str) -> OrderError:
    """No allowed decoder reads the video."""
    return OrderError("unsupported_codec", f"The codec {codec} is not supported.")


def damaged(after_ms: int | None = None) -> OrderError:
    """No frame, or nothing after `after_ms`, can be decoded."""
    if not after_ms:
        return OrderError("damaged", "This video is damaged: no frame could be decoded.")
    return OrderError("damaged", f"This video is damaged after {clock_time(after_ms)}.")


def too_large(width: int, height: int) -> OrderError:
    """The frame has more pixels than supported."""
    return OrderError("too_large", f"A picture of {width} x {height} pixels is larger than what is supported.")


def not_an_image() -> OrderError:
    """The file is no still image of a supported type."""
    return OrderError("not_a_picture", "This is not a picture that can be read here: JPEG, PNG, WebP and GIF can.")


def damaged_image() -> OrderError:
    """The image is corrupt or truncated."""
    return OrderError("damaged_picture", "This picture is damaged, or its end is missing.")


def unconfined(reason: str) -> OrderError:
    """The kernel does not allow the worker to confine itself, so it does not read the file."""
    return OrderError(
        "unconfined",
        f"Videos cannot be processed: this machine cannot confine the worker. Missing: {reason}.",
        retryable=True,
    )


def copy_unfit(reason: str) -> OrderError:
    """The video turned out not to be copyable and must be encoded."""
    return OrderError("copy_unfit", f"The video cannot be used as it is: {reason}.")


def audio_copy_unfit(reason: str) -> OrderError:
    """The audio turned out not to be copyable and must be encoded."""
    return OrderError("audio_copy_unfit", f"The audio cannot be used as it is: {reason}.")


def cut_unfit(reason: str) -> OrderError:
    """The parts cannot be cut in this way; without encoding, an exact cut may help."""
    return OrderError("cut_unfit", f"It cannot be cut in this way: {reason}.")


def resume_unfit(reason: str) -> OrderError:
    """The output cannot be resumed exactly and must be started again."""
    return OrderError("resume_unfit", f"It cannot be resumed: {reason}.")


def as_failed(error: BaseException) -> OrderFailed:
    """Convert any error to a message; an unexpected one gets a general text and is retryable."""
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
    """Format a time as 00:03:12."""
    seconds = time_ms // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

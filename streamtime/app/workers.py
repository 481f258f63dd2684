"""Composition of what starts child processes: launchers with the configured limits, and the decoder of pictures."""

from streamtime.config.sections import Config
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.pictures import PictureDecoder

PREPARE_NICE = 0
"""Normal priority: a person waits for these jobs, and they are short."""

PICTURE_TIMEOUT_S = 60.0
PICTURE_MEMORY_BYTES = 1 << 30
"""An image with the most pixels allowed, 16 bits per channel and an alpha channel, takes half of this."""


def worker_launcher(config: Config, *, nice: int) -> WorkerLauncher:
    """Build a launcher of workers with the configured limits."""
    chosen = config.transcode
    return WorkerLauncher(
        stall_timeout_s=chosen.stall_timeout,
        nice=nice,
        memory_bytes=int(chosen.worker_memory),
        allow_unconfined=chosen.allow_unconfined,
    )


def picture_decoder(config: Config) -> PictureDecoder:
    """Build the decoder of uploaded pictures, with shorter timeouts since a request waits for the result."""
    chosen = config.transcode
    launcher = WorkerLauncher(
        stall_timeout_s=min(PICTURE_TIMEOUT_S, chosen.stall_timeout),
        wall_timeout_s=PICTURE_TIMEOUT_S,
        nice=PREPARE_NICE,
        memory_bytes=min(PICTURE_MEMORY_BYTES, int(chosen.worker_memory)),
        allow_unconfined=chosen.allow_unconfined,
    )
    return PictureDecoder(launcher)

"""What the person who runs the server chose about preparing videos, as plain values."""

from dataclasses import dataclass

from streamtime.hls.ladder import Rung


@dataclass(frozen=True, slots=True)
class TranscodeSettings:
    """How videos are prepared."""

    rungs: tuple[Rung, ...]
    keep_original: bool
    memory_budget_bytes: int
    """What one encode may have; a ladder that needs more is made in several passes."""

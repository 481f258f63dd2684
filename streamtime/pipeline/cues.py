"""Cues of several subtitle tracks as a worker tells them, until each track is whole. It knows no rows and no files."""

from collections.abc import Sequence

from streamtime.captions.cue import MAX_CUES, Cue
from streamtime.library.captions import NewCaptions, compress_captions, new_from_file
from streamtime.pipeline.side_tracks import subtitle_label
from streamtime.source_facts import SubtitleInfo
from streamtime.worker_protocol import CuesRead


class CueCollector:
    """What has been told of the tracks of one order."""

    def __init__(self, tracks: Sequence[SubtitleInfo]) -> None:
        self._tracks = {track.stream: track for track in tracks}
        self._cues: dict[int, list[Cue]] = {}

    def add(self, message: CuesRead) -> tuple[SubtitleInfo, list[Cue]] | None:
        """Add what a message tells; a track with its cues once it is whole. More than is read of a file is dropped."""
        track = self._tracks.get(message.stream)
        if track is None:
            return None
        cues = self._cues.setdefault(message.stream, [])
        cues += message.cues[: MAX_CUES - len(cues)]
        if not message.last:
            return None
        return self._tracks.pop(message.stream), self._cues.pop(message.stream)


def captions_from_cues(track: SubtitleInfo, cues: Sequence[Cue]) -> NewCaptions:
    """A track of a file as captions: some tenths of a second for the largest, so not on the loop."""
    return new_from_file(compress_captions(cues), track.stream, track.language, subtitle_label(track))

"""The reference decoder for durations: what another FFmpeg decodes of a file, with times.

It is the one of imageio-ffmpeg, a newer version than the one of PyAV.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import av
import av.error
from av.stream import Disposition

from tests.clips import ffmpeg_path

PICTURE = re.compile(
    r"\[Parsed_showinfo_\d+ @ 0x\w+\] n: *\d+ pts: *\S+ pts_time:(\S+) +duration: *\S+ "
    r"duration_time:(\S+) .*iskey:(\d)"
)
SOUND = re.compile(r"\[Parsed_ashowinfo_\d+ @ (0x\w+)\] n:\d+ pts:\S+ pts_time:(\S+) .*rate:(\d+) nb_samples:(\d+)")
DECODED_WITHIN_S = 120
UNTOLD_S = 0.002
"""No frame is that short: FFmpeg returns 0 or 1 tick if the container has no duration.

FLV never has; nor have packets of a variable rate in MP4 whose track begins late, though the track itself has.
"""


@dataclass(frozen=True)
class DecodedFrame:
    """The time range of one video or audio frame."""

    starts_s: float
    lasts_s: float
    is_key: bool = True

    @property
    def ends_s(self) -> float:
        return self.starts_s + self.lasts_s


@dataclass
class DecodedStreams:
    """All decoded frames by stream, in order."""

    pictures: list[DecodedFrame] = field(default_factory=list)
    sounds: dict[str, list[DecodedFrame]] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        return not self.pictures and not self.sounds

    @property
    def ends_s(self) -> float:
        """The end of the last frame."""
        return max(one.ends_s for one in self._all())

    @property
    def starts_s(self) -> tuple[float, float]:
        """The start of the first frame, from the first decoded video frame and from the first keyframe.

        Frames before the first keyframe depend on the decoder.
        """
        sound_s = [one.starts_s for one in self._heard()]
        keys_s = [one.starts_s for one in self.pictures if one.is_key] or [one.starts_s for one in self.pictures]
        first_s = min([one.starts_s for one in self.pictures] + sound_s)
        return first_s, min(keys_s + sound_s)

    @property
    def last_picture_s(self) -> float:
        """The duration of the last frame, or of the one before if unknown; 0 if there is none."""
        last = sorted(self.pictures, key=lambda one: one.starts_s)[-2:]
        step_s = last[-1].starts_s - last[0].starts_s if last else 0.0
        return (last[-1].lasts_s if last[-1].lasts_s > UNTOLD_S else step_s) if last else 0.0

    @property
    def sound_frame_s(self) -> float:
        """The longest audio frame, except the last one of a track."""
        return max((one.lasts_s for stream in self.sounds.values() for one in stream[:-1]), default=0.0)

    def _heard(self) -> list[DecodedFrame]:
        return [one for stream in self.sounds.values() for one in stream]

    def _all(self) -> list[DecodedFrame]:
        return self.pictures + self._heard()


def decode(path: Path) -> DecodedStreams:
    """Decode all video and audio of a file, except covers."""
    streams = _streams(path)
    decoded = _decoded(path, streams)
    if bool(decoded.pictures) + len(decoded.sounds) < len(streams) > 1:
        # A stream that cannot be decoded prevents the others from being decoded.
        streams = [stream for stream in streams if not _decoded(path, [stream]).nothing]
        decoded = _decoded(path, streams) if streams else DecodedStreams()
    return decoded


def _streams(path: Path) -> list[str]:
    """The first video and all audio streams, as FFmpeg's command line names them."""
    try:
        with av.open(path) as container:
            moving = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
            return [*["0:V:0"] * moving, *(f"0:a:{number}" for number in range(len(container.streams.audio)))]
    except (av.error.FFmpegError, ValueError):
        return ["0:V:0", "0:a:0"]


def _decoded(path: Path, streams: list[str]) -> DecodedStreams:
    # All in one filter graph with one thread: the output of several would be interleaved.
    graph = [f"[{stream}]{'showinfo=checksum=0' if 'V' in stream else 'ashowinfo'}" for stream in streams]
    outputs = [f"[out{number}]" for number in range(len(streams))]
    done = subprocess.run(
        [
            *(ffmpeg_path(), "-nostdin", "-nostats", "-hide_banner", "-threads", "1", "-i", str(path)),
            *("-filter_complex", ";".join(map("".join, zip(graph, outputs, strict=True)))),
            *(argument for output in outputs for argument in ("-map", output)),
            *("-fps_mode", "passthrough", "-f", "null", "-"),
        ],
        capture_output=True,
        check=False,
        timeout=DECODED_WITHIN_S,
    )
    decoded = DecodedStreams()
    for line in done.stderr.decode(errors="replace").splitlines():
        if (seen := PICTURE.match(line)) and seen[1] != "NOPTS":
            decoded.pictures.append(DecodedFrame(float(seen[1]), float(seen[2]), seen[3] == "1"))
        elif (heard := SOUND.match(line)) and heard[2] != "NOPTS":
            decoded.sounds.setdefault(heard[1], []).append(DecodedFrame(float(heard[2]), int(heard[4]) / int(heard[3])))
    return decoded

"""Plays everything that a multivariant playlist references with FFmpeg, and returns its warnings."""

import subprocess

from tests.clips import ffmpeg_path


def complaints(master: str) -> list[str]:
    """FFmpeg's warnings while it plays all variants and audio tracks from start to end; empty if all is well."""
    command = [ffmpeg_path(), "-nostdin", "-v", "warning", "-i", master, "-map", "0:v", "-map", "0:a?"]
    done = subprocess.run(
        [*command, "-fps_mode", "passthrough", "-f", "null", "-"], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return said if done.returncode == 0 else [*said, f"it ended with {done.returncode}"]

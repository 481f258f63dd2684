"""Small valid files, one per accepted container and relevant codec: the seeds of mutations."""

from pathlib import Path

from tests.clips import run_ffmpeg

PICTURE = "testsrc2=size=96x64:rate=12"
SOUND = "sine=frequency=440:sample_rate=48000"
DURATION_S = "1"

X264 = "-c:v libx264 -preset ultrafast -threads 1 -g 6"
EXACT = "-fflags +bitexact -flags:v +bitexact -flags:a +bitexact"
"""The same bytes at each run: no random names, no dates."""

SEEDS = {
    "h264-aac.mp4": f"{X264} -bf 2 -c:a aac",
    "h264-fragmented.mp4": f"{X264} -c:a aac -movflags frag_keyframe+empty_moov",
    "h264-alac.mov": f"{X264} -c:a alac",
    "prores-pcm.mov": "-c:v prores -c:a pcm_s24le",
    "hevc-ac3.mkv": "-c:v libx265 -preset ultrafast -x265-params log-level=error:pools=1:frame-threads=1 -c:a ac3",
    "ffv1-flac.mkv": "-c:v ffv1 -c:a flac",
    "vp8-vorbis.webm": "-c:v libvpx -deadline good -cpu-used 5 -threads 1 -c:a libvorbis",
    "vp9-opus.webm": "-c:v libvpx-vp9 -deadline good -cpu-used 8 -threads 1 -c:a libopus",
    "av1-opus.mp4": "-c:v libaom-av1 -usage good -cpu-used 8 -threads 1 -c:a libopus",
    "h264-aac.ts": f"{X264} -c:a aac",
    "h264-ac3.m2ts": f"{X264} -c:a ac3 -mpegts_m2ts_mode 1",
    "mpeg2-mp2.mpg": "-c:v mpeg2video -c:a mp2 -f mpeg",
    "mpeg2-pcm.mxf": "-r 25 -c:v mpeg2video -c:a pcm_s16le",
    "mpeg4-mp3.avi": "-c:v mpeg4 -c:a libmp3lame",
    "mjpeg-pcm.avi": "-c:v mjpeg -c:a pcm_s16le",
    "h264-aac.flv": f"{X264} -c:a aac",
    "flv1-mp3.flv": "-c:v flv -c:a libmp3lame -ar 44100",
    "wmv2-wmav2.wmv": "-c:v wmv2 -c:a wmav2",
    "theora-vorbis.ogv": "-c:v libtheora -c:a libvorbis",
}


def make_seed(name: str, folder: Path) -> Path:
    """Write one of them."""
    path = folder / name
    given = f"-f lavfi -i {PICTURE} -f lavfi -i {SOUND} -t {DURATION_S} -pix_fmt yuv420p -ac 2 -strict -2"
    if name == "prores-pcm.mov":
        given = given.replace("yuv420p", "yuv422p10")
    run_ffmpeg(*given.split(), *SEEDS[name].split(), *EXACT.split(), str(path))
    return path

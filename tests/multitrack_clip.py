"""Makes a film with many tracks on the spot: sounds that can be told apart, subtitles, chapters, a font."""

from pathlib import Path

from tests.clips import run_ffmpeg

TONES_HZ = (440, 880)
"""What the first and the second sound track hum."""

ENGLISH = """1
00:00:00,500 --> 00:00:02,500
Good <i>morning</i> & welcome

2
00:00:02,600 --> 00:00:05,500
{\\an8}<b>Above</b> <font color="#ff0000">us</font>
"""
GERMAN = r"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, Bold, Italic, Underline, Alignment
Style: Default,Fancy,16,0,0,0,2
Style: Sign,Fancy,16,0,-1,0,8

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:02.50,Default,,0,0,0,,Guten {\b1}Morgen{\b0}\Nund willkommen
Dialogue: 0,0:00:02.60,0:00:05.50,Sign,,0,0,0,,{\p1}m 0 0 l 9 0 9 9{\p0}{\fad(100,100)}Über uns
"""
CHAPTERS = (("Opening", 0, 2000), ("<b>Middle</b> & more", 2000, 4000), ("End", 4000, 6000))


def make_multitrack_clip(
    path: Path, *, picture: str = "h264", sound: str = "aac", duration_s: int = 6, size: str = "320x180"
) -> Path:
    """Write a Matroska film to `path` and return it.

    Its picture can be copied where it is H.264; the first sound is English, the second German and called Kommentar.
    """
    folder = path.parent / f"{path.stem}-parts"
    folder.mkdir(exist_ok=True)  # the same fixture may be set up again: tests of a file do not all run in a row
    for name, text in (
        ("en.srt", ENGLISH),
        ("de.ass", GERMAN),
        ("chapters.txt", _chapters()),
        ("fancy.ttf", "no font"),
    ):
        (folder / name).write_text(text)
    tones = [("-f", "lavfi", "-i", f"aevalsrc=exprs=0.4*sin(2*PI*{tone}*t):s=48000:c=mono") for tone in TONES_HZ]
    codec = {"h264": ["libx264", "-preset", "veryfast", "-g", "50", "-bf", "0"], "mpeg4": ["mpeg4", "-q:v", "4"]}
    run_ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25", *(argument for tone in tones for argument in tone),
        "-i", str(folder / "en.srt"), "-i", str(folder / "de.ass"), "-i", str(folder / "chapters.txt"),
        *(argument for stream in range(5) for argument in ("-map", str(stream))), "-map_chapters", "5",
        "-c:v", *codec[picture], "-pix_fmt", "yuv420p", "-c:a", sound, "-c:s:0", "srt", "-c:s:1", "ass",
        "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger", "-metadata:s:a:1", "title=Kommentar",
        "-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger",
        "-attach", str(folder / "fancy.ttf"), "-metadata:s:t", "mimetype=application/x-truetype-font",
        "-t", str(duration_s), str(path),
    )  # fmt: skip
    return path


def _chapters() -> str:
    parts = [
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start_ms}\nEND={end_ms}\ntitle={title}\n"
        for title, start_ms, end_ms in CHAPTERS
    ]
    return ";FFMETADATA1\n" + "".join(parts)

"""What a file is by its first bytes, where that is no container that is taken; and whether a raw stream is one.

FFmpeg guesses kinds without a signature from what looks like their packets; such guesses are checked here.
"""

HEAD_BYTES = 4096

_SIGNATURES = (
    (b".RMF", "a RealMedia file"),
    (b".ra\xfd", "a RealAudio file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a bitmap picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"MThd", "a MIDI file"),
    (b"#EXTM3U", "a playlist"),
    (b"wvpk", "a WavPack file"),
    (b"MAC ", "a Monkey's Audio file"),
    (b"DKIF", "an IVF file"),
    (b"SMK2", "a Smacker video"),
    (b"BIK", "a Bink video"),
    (b"NUT", "a NUT file"),
    (b"YUV4MPEG2", "a raw YUV4MPEG video"),
)
_WEBP_AT = 8
_START_CODES = (b"\0\0\1", b"\0\0\0\1")
_SYNC, _SYNC_MASK = 0xFFE0, 0xFFE0


def kind_of(head: bytes) -> str | None:
    """Name what begins like this, as people call it; None where nobody knows."""
    if head.startswith(b"RIFF") and head[_WEBP_AT:].startswith(b"WEBP"):
        return "a WebP picture"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def is_plausible(container: str, head: bytes) -> bool:
    """Tell whether a container that was guessed begins as it must; only those without a signature are asked about."""
    if container in {"h264", "hevc"}:
        return head.startswith(_START_CODES)
    if container in {"mp3", "aac"}:
        begins = head.lstrip(b"\0")
        return head.startswith(b"ID3") or int.from_bytes(begins[:2], "big") & _SYNC_MASK == _SYNC
    return True

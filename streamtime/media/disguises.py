"""What a file is by its first bytes, where that is no container that is taken; and whether a raw stream is one.

FFmpeg guesses kinds without a signature from what looks like their packets; such guesses are checked here.
"""

HEAD_BYTES = 1 << 20

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
_PARAMETER_SETS = {"h264": (0x1F, 0, {7, 8}), "hevc": (0x7E, 1, {32, 33, 34})}
"""By kind: the bits of a header that tell the type of a unit, how far to the right, and the types of those that a
decoder needs (ITU-T H.264 table 7-1, H.265 table 7-1)."""

_FORBIDDEN_BIT = 0x80
_SYNC, _SYNC_MASK = 0xFFE0, 0xFFE0


def describe_file_type(head: bytes) -> str | None:
    """Name what begins like this, as people call it; None where nobody knows."""
    if head.startswith(b"RIFF") and head[_WEBP_AT:].startswith(b"WEBP"):
        return "a WebP picture"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def is_plausible(container: str, head: bytes) -> bool:
    """Tell whether a container that was guessed begins as it must; only those without a signature are asked about.

    A raw stream may have been cut off anywhere in front: `head` must reach to its first keyframe.
    """
    if container in _PARAMETER_SETS:
        return head.startswith(_START_CODES) or (
            describe_file_type(head) is None and _has_parameter_sets(container, head)
        )
    if container in {"mp3", "aac"}:
        begins = head.lstrip(b"\0")
        return head.startswith(b"ID3") or int.from_bytes(begins[:2], "big") & _SYNC_MASK == _SYNC
    return True


def _has_parameter_sets(container: str, head: bytes) -> bool:
    """Tell whether all that a decoder needs comes, and no unit before it that cannot be one."""
    bits, shift, missing = _PARAMETER_SETS[container]
    missing = set(missing)
    at = head.find(_START_CODES[0])
    while 0 <= at < len(head) - len(_START_CODES[0]) and missing:
        header = head[at + len(_START_CODES[0])]
        if header & _FORBIDDEN_BIT:
            return False
        missing.discard((header & bits) >> shift)
        at = head.find(_START_CODES[0], at + 1)
    return not missing

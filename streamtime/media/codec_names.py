"""The names of codecs as playlists give them (RFC 6381), read from the init segment that was really written."""

import struct

_AVC = struct.Struct(">BBBB")
_DECODER_SPECIFIC = 5
_MORE = 0x80


def codecs_of(init: bytes) -> str:
    """Name the codec of the one track in an init segment: `avc1.64001F` or `mp4a.40.2`.

    Raises:
        ValueError: if it is neither H.264 nor AAC.
    """
    if (found := init.find(b"avcC")) >= 0:
        _version, profile, constraints, level = _AVC.unpack_from(init, found + 4)
        return f"avc1.{profile:02X}{constraints:02X}{level:02X}"
    if (found := init.find(b"esds")) >= 0:
        return f"mp4a.40.{_audio_config(init, found)[0] >> 3}"
    raise ValueError("the init segment has neither H.264 nor AAC")


def _audio_config(init: bytes, esds: int) -> bytes:
    """Find the decoder's own bytes: the descriptors before them are nested, each a tag and a length."""
    position = esds + 8
    skipped = {3: 3, 4: 13}
    while position < len(init):
        tag = init[position]
        position, length = _descriptor_length(init, position + 1)
        if tag == _DECODER_SPECIFIC:
            return init[position : position + length]
        position += skipped.get(tag, length)
    raise ValueError("the init segment does not say how its sound is coded")


def _descriptor_length(init: bytes, position: int) -> tuple[int, int]:
    length = 0
    for step in range(4):
        byte = init[position + step]
        length = length << 7 | byte & ~_MORE
        if not byte & _MORE:
            return position + step + 1, length
    return position + 4, length

"""The decoders that may touch a stranger's file: what cameras, phones, recorders, discs and the web have left behind.

The library has six hundred; those of old games and rare studios are where bugs live longest (CVE-2026-8461 was in
one), and nobody misses them. Names are FFmpeg's, of decoders, not of codecs. It knows names, nothing of streams.
"""

_PICTURE = (
    # Of today, and of the web.
    "h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "vvc", "theora", "mjpeg", "mjpegb",
    # Of discs, broadcasts and the time before.
    "mpeg1video", "mpeg2video", "mpegvideo", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "h261", "h263", "h263i",
    "h263p", "flv", "vp6", "vp6a", "vp6f", "vp7", "wmv1", "wmv2", "wmv3", "vc1", "svq1", "svq3", "rv30", "rv40",
    "cinepak", "indeo3", "indeo5", "msvideo1", "msrle", "qtrle", "rpza", "8bps", "rawvideo",
    # Of cameras, studios and screen recorders.
    "prores", "dnxhd", "dvvideo", "cfhd", "jpeg2000", "ffv1", "huffyuv", "ffvhuff", "utvideo", "v210", "v410", "r210",
    "hap", "flashsv", "flashsv2", "mss2", "tscc2", "zmbv", "png", "gif", "apng",
)  # fmt: skip

_SOUND = (
    "aac", "aac_fixed", "aac_latm", "ac3", "ac3_fixed", "eac3", "dca", "truehd", "mlp", "mp1", "mp1float", "mp2",
    "mp2float", "mp3", "mp3float", "mp3adu", "mp3adufloat", "opus", "libopus", "vorbis", "flac", "alac", "speex", "ape",
    "tta", "wavpack", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "amrnb", "amrwb", "libopencore_amrnb",
    "libopencore_amrwb", "cook", "qdm2", "nellymoser", "g726", "g722", "gsm", "gsm_ms", "dvaudio", "s302m",
    "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms", "adpcm_swf", "adpcm_yamaha",
    "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_s8",
    "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s64le", "pcm_u8", "pcm_u16be",
    "pcm_u16le", "pcm_u24le", "pcm_u32le",
)  # fmt: skip

_TEXT = ("ass", "ssa", "srt", "subrip", "mov_text", "webvtt", "text", "cc_dec", "dvbsub", "dvdsub", "pgssub", "xsub")

_STILL = ("mjpeg", "png", "webp", "gif")

DECODERS = frozenset((*_PICTURE, *_SOUND, *_TEXT))
"""All of them."""

WHITELIST = ",".join(sorted(DECODERS))
"""As FFmpeg's option `codec_whitelist` takes it: opening any other decoder fails, in a container and by itself."""

STILL_WHITELIST = ",".join(_STILL)
"""The same for pictures of people, which are no films: some of these are let near nothing else."""

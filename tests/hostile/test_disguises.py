"""Playlists and session descriptions disguised as media files: they open no file and no connection, confined or not."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av
import av.error
import pytest

from streamtime.media.order_errors import OrderError
from streamtime.media.source import SourceBytes, open_source
from tests.hostile.honeypot import Honeypot, set_honeypot
from tests.hostile.seeds import make_seed
from tests.hostile.worker_attempt import assert_no_leaks, attempt


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_seed("h264-aac.ts", tmp_path_factory.mktemp("bait"))


@pytest.fixture
def traps(bait: Path) -> Iterator[Honeypot]:
    with set_honeypot(bait) as found:
        yield found


def hls(url: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{url}\n#EXT-X-ENDLIST\n"


def hls_with_key(url: str) -> str:
    return hls("data:video/mp2t;base64,AAAA").replace("#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF')


def hls_with_map(url: str) -> str:
    return hls("data:video/mp4;base64,AAAA").replace("#EXTINF", f'#EXT-X-MAP:URI="{url}"\n#EXTINF')


def hls_variants(url: str) -> str:
    return f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\n{url}\n"


def concat(url: str) -> str:
    return f"ffconcat version 1.0\nfile '{url}'\n"


def dash(url: str) -> str:
    return f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S" minBufferTime="PT1S"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="v" bandwidth="1000" codecs="avc1.64001f"><BaseURL>{url}</BaseURL></Representation>
</AdaptationSet></Period></MPD>"""


def smooth(url: str) -> str:
    return f'<smil><body><video src="{url}"/></body></smil>'


def asx(url: str) -> str:
    return f'<ASX version="3.0"><ENTRY><REF HREF="{url}"/></ENTRY></ASX>'


def imf(url: str) -> str:
    return (
        '<?xml version="1.0"?><AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"><AssetList><Asset>'
        f"<ChunkList><Chunk><Path>{url}</Path></Chunk></ChunkList></Asset></AssetList></AssetMap>"
    )


def vobsub(url: str) -> str:
    return f"# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n{url}\ntimestamp: 00:00:00:000\n"


def redirected(url: str) -> str:
    return f"[Reference]\nRef1={url}\n"


LISTS: tuple[Callable[[str], str], ...] = (
    *(hls, hls_with_key, hls_with_map, hls_variants, concat, dash, smooth, asx, imf, vobsub, redirected),
)
URLS = (
    "{path}",
    "file://{path}",
    "http://127.0.0.1:{port}/a.ts",
    "tcp://127.0.0.1:{port}",
    "concat:{path}|{path}",
    "subfile,,start,0,end,0,,:{path}",
    "crypto:{path}",
    "cache:http://127.0.0.1:{port}/a.ts",
)


def session(port: int) -> str:
    """An SDP file, which makes a player listen, and contact the sender."""
    return (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=film\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    )


def disguises(traps: Honeypot) -> dict[str, bytes]:
    urls = [url.format(path=traps.secret, port=traps.port) for url in URLS]
    found = {f"{kind.__name__} of {url}": kind(url).encode() for kind in LISTS for url in urls}
    return {**found, "sdp": session(traps.port + 1).encode()}


def refused(path: Path) -> bool:
    """Open a file with the allow lists of the demuxer, without confinement."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(OrderError):
            open_source(descriptor)
    finally:
        os.close(descriptor)
    return True


def test_the_disguises_work_without_allow_lists(traps: Honeypot, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    for url, way in ((traps.secret, "file"), (f"http://127.0.0.1:{traps.port}/a.ts", "connection")):
        path.write_text(concat(str(url)))
        descriptor = os.open(path, os.O_RDONLY)
        try:
            # Without our allow lists: the usual way to open a file.
            with suppress(av.error.FFmpegError, OSError):
                av.open(SourceBytes(descriptor), "r", container_options={"safe": "0"}, timeout=1).close()
        finally:
            os.close(descriptor)
        assert way in traps.visits()


def test_no_disguise_passes_the_allow_lists(traps: Honeypot, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    for name, data in disguises(traps).items():
        path.write_bytes(data)
        assert refused(path), name
        assert traps.visits() == set(), name


@pytest.mark.parametrize("kind", [*(kind.__name__ for kind in LISTS), "sdp"])
async def test_no_disguise_escapes_a_worker(traps: Honeypot, tmp_path: Path, kind: str) -> None:
    mine = {name: data for name, data in disguises(traps).items() if name.split()[0] == kind}
    # One with a file and one with a host are enough here: the others differ before a worker is started.
    for number, data in enumerate([*mine.values()][1:3] or mine.values()):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(data)
        with assert_no_leaks(tmp_path):
            assert (await attempt(path, tmp_path)).code == "not_media"
        assert traps.visits() == set()

"""Media addresses that lie over one object never get each other's bytes, in whatever order they are asked for.

The memory cache is as small as the video allows, so that the bytes of another video push everything out of it: each
pair of addresses begins cold.
"""

import asyncio
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import httpx
import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.s3 import Bucket
from tests.server import NO_TLS, Server, StartServer
from tests.system.player import audio_playlists, fetch, video_playlists
from tests.system.remote import ready_video_in
from tests.system.test_tickets import ticketed

KEPT_SHARE = 4
"""A run may take a quarter of the cache (`SegmentCache`)."""

REPEATED = 3
"""A disk opens a file for the first answer, keeps the bytes of the second, and gives the third from memory."""

PARTS_OF = """
    SELECT r.attempt_id, o.key FROM rendition_parts p
    JOIN renditions r ON r.id = p.rendition_id JOIN objects o ON o.id = p.object_id
"""
OF_KIND = "SELECT key FROM objects WHERE kind = ? AND key LIKE ? || '%'"


@dataclass(frozen=True)
class Part:
    """What an address has to give, and ranges of it that players of I-frames ask for."""

    content: bytes
    iframes: tuple[tuple[int, int], ...] = ()


DRAWN = 2
"""Ranges that are tried of each pair, besides both whole."""

Truth = dict[str, Part]
"""All addresses over one object."""


@dataclass(frozen=True)
class Ask:
    """One request: by which way, for which address, for which range of it (None for all)."""

    way: str
    uri: str
    part: tuple[int, int] | None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.part is None else {"Range": f"bytes={self.part[0]}-{self.part[1]}"}


@dataclass(frozen=True)
class CachedVideo:
    """A server with one video, and with another one whose bytes push those of the first out of memory."""

    person: Person
    objects: list[Truth]
    fillers: list[str]
    ways: tuple[str, str]
    """What an address begins with: nothing, or a ticket."""

    async def asks(self, client: httpx.AsyncClient, ask: Ask) -> None:
        """Make a request and judge the answer."""
        content = next(each[ask.uri].content for each in self.objects if ask.uri in each)
        answer = await client.get(ask.way + ask.uri, headers=ask.headers)
        assert answer.status_code == (200 if ask.part is None else 206), ask
        wanted = content if ask.part is None else content[ask.part[0] : ask.part[1] + 1]
        assert int(answer.headers["Content-Length"]) == len(wanted), ask
        assert answer.content == wanted, ask

    async def forget(self, client: httpx.AsyncClient) -> None:
        """Let the cache drop everything of the video."""
        for uri in self.fillers:
            (await client.get(uri)).raise_for_status()


@pytest.fixture(scope="module")
def short(clips: Path) -> bytes:
    return make_clip(clips / "cached.mp4", duration_s=6, width=192, height=108).read_bytes()


@pytest.fixture(scope="module")
def long(clips: Path) -> bytes:
    return make_clip(clips / "filler.mp4", duration_s=40, width=192, height=108).read_bytes()


@pytest.fixture(params=["local", "s3"])
def admin_server(request: pytest.FixtureRequest, start_server: StartServer, short: bytes, long: bytes) -> CachedVideo:
    backend: str = request.param
    bucket: Bucket = request.getfixturevalue("bucket")
    server = start_server(**(bucket.environ if backend == "s3" else {}))
    person = server.person("ann")
    video, filler = (ready_video_in(person, data, server, backend) for data in (short, long))
    read = bucket.read if backend == "s3" else lambda key: (server.data_dir / "objects" / key).read_bytes()
    objects = truths(server, person, video, read)
    assert any(part.content == short for each in objects for part in each.values())
    room = KEPT_SHARE * max(len(part.content) for each in objects if len(each) > 1 for part in each.values())
    server.restart(STREAMTIME_STORAGE__MEMORY_CACHE=str(room))
    ticket = ticketed(person.browser, video).partition("/media/")[0]
    return CachedVideo(person, objects, fillers(person, filler, room), ("", ticket))


def truths(server: Server, person: Person, video: str, read: Callable[[str], bytes]) -> list[Truth]:
    """The addresses of a video by the object that they lie over, and what they have to give by the store itself."""
    urls = person.look(video)["urls"]
    with closing(sqlite3.connect(f"file:{server.data_dir / 'streamtime.db'}?mode=ro", uri=True)) as database:
        parts: dict[str, str] = dict(database.execute(PARTS_OF))
        playlists = [*video_playlists(person.api, urls["master"]), *audio_playlists(person.api, urls["master"])]
        folder = parts[playlists[0].split("/")[-2]].rpartition("/")[0]
        single = {
            urls["original"]: "source",
            urls["poster"]: "poster",
            urls["preview"]: "preview",
            re.sub(r"\.vtt.*", "-0.jpg", urls["storyboard"]): "storyboard",
        }
        found = []
        for uri, kind in single.items():
            ((key,),) = database.execute(OF_KIND, (kind, folder))
            found.append({uri: Part(read(key))})
    for playlist in playlists:
        whole = read(parts[playlist.split("/")[-2]])
        found.append({playlist.replace("playlist.m3u8", "rendition.mp4"): Part(whole), **cut(person, playlist, whole)})
    return found


def cut(person: Person, playlist: str, whole: bytes) -> Truth:
    """The bytes of an init segment and all segments, which lie one behind the other."""
    text = person.api.get(playlist.replace("playlist", "iframes")).text
    iframes: dict[str, list[tuple[int, int]]] = {}
    for length, start, name in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", text):
        iframes.setdefault(name, []).append((int(start), int(start) + int(length) - 1))
    truth, offset = {}, 0
    for uri in fetch(person.api, playlist).segment_uris:
        length = int(person.api.head(uri).raise_for_status().headers["Content-Length"])
        ranges = iframes.get(uri.rpartition("/")[2], [])
        truth[uri] = Part(whole[offset : offset + length], tuple(ranges))
        offset += length
    assert offset == len(whole)
    return truth


def fillers(person: Person, video: str, room: int) -> list[str]:
    """Segments of a video that a cache of that size keeps, and that are more than it holds: as few as possible."""
    master = person.look(video)["urls"]["master"]
    lengths: dict[str, int] = {}
    for playlist in (*video_playlists(person.api, master), *audio_playlists(person.api, master)):
        for uri in fetch(person.api, playlist).segment_uris:
            length = int(person.api.head(uri).headers["Content-Length"])
            if length * KEPT_SHARE <= room:
                lengths[uri] = length
    found: list[str] = []
    for uri in sorted(lengths, key=lengths.__getitem__, reverse=True):
        if sum(lengths[uri] for uri in found) <= room:
            found.append(uri)
    assert sum(lengths[uri] for uri in found) > room
    return found


def asks_for(way: str, truth: Truth, uri: str, chance: random.Random) -> list[Ask]:
    """The whole of an address, its first bytes, a part of it drawn at random, and that of an I-frame."""
    length = len(truth[uri].content)
    first, last = sorted(chance.choices(range(length), k=2))
    drawn = [(0, min(99, length - 1)), (first, last), *truth[uri].iframes[:1]]
    return [Ask(way, uri, part) for part in (None, *drawn)]


def pairs(admin_server: CachedVideo, chance: random.Random) -> Iterator[tuple[Ask, Ask]]:
    """Every pair of addresses over one object in both orders: both whole, and some of their ranges."""
    for truth in admin_server.objects:
        for one, other in product(truth, repeat=2):
            first, second = [asks_for(chance.choice(admin_server.ways), truth, uri, chance) for uri in (one, other)]
            whole, *parts = product(first, second)
            yield whole
            yield from chance.sample(parts, DRAWN)


async def ask_all(admin_server: CachedVideo, chance: random.Random) -> None:
    """Ask for each pair one after the other and, from a cold cache again, at once."""
    headers = dict(admin_server.person.api.headers)
    async with httpx.AsyncClient(
        base_url=admin_server.person.server.url, headers=headers, timeout=90, verify=NO_TLS
    ) as client:
        for first, second in pairs(admin_server, chance):
            await admin_server.forget(client)
            for ask in (*[first] * REPEATED, *[second] * REPEATED):
                await admin_server.asks(client, ask)
            await admin_server.forget(client)
            await asyncio.gather(*[admin_server.asks(client, ask) for ask in (first, second, first, second)])


@pytest.mark.parametrize("seed", [1])
def test_every_pair_of_addresses_over_one_object(admin_server: CachedVideo, seed: int) -> None:
    asyncio.run(ask_all(admin_server, random.Random(seed)))  # noqa: S311  # no secret: it draws what is asked

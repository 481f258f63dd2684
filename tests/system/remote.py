"""What tests of videos in a bucket have in common: where objects are, and all that a video serves."""

import re
import sqlite3
from collections import Counter
from contextlib import closing

import httpx

from tests.people import Person
from tests.server import Server, wait_until
from tests.system.player import audio_playlists, fetch, video_playlists


def stores(server: Server) -> Counter[str]:
    """How many live objects each store holds, by their rows; what is staged counts as such."""
    with closing(sqlite3.connect(f"file:{server.data_dir / 'streamtime.db'}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT store, state FROM objects WHERE state != 'doomed'")
        return Counter(store if state == "live" else state for store, state in rows)


def wait_all_stored_in(server: Server, store: str) -> int:
    """Wait until everything is in that store alone; how many objects that is."""

    def look() -> int | None:
        found = stores(server)
        return found[store] if set(found) == {store} else None

    return wait_until(look, f"everything is in {store}", within_s=300)


def ready_video_in(person: Person, path_bytes: bytes, server: Server, store: str) -> str:
    """A video that is ready, has its stills, and lies in a store with all that belongs to it."""
    video = person.send(path_bytes, filename="clip.mp4")
    wait_until(lambda: person.look(video)["state"] == "ready", "ready", within_s=300)
    wait_until(lambda: person.look(video)["urls"]["storyboard"], "stills", within_s=300)
    wait_all_stored_in(server, store)
    return video


def all_bytes(person: Person, video: str) -> dict[str, bytes]:
    """All bytes of a video by address: original, pictures beside it, each rendition."""
    urls = person.look(video)["urls"]
    addresses = [urls["original"], urls["poster"], urls["preview"], urls["storyboard"].replace(".vtt", "-0.jpg")]
    addresses = [re.sub(r"\?.*", "", address) for address in addresses]
    found = {address: person.api.get(address).raise_for_status().content for address in addresses}
    for uri in (*video_playlists(person.api, urls["master"]), *audio_playlists(person.api, urls["master"])):
        found[uri] = fetch(person.api, uri).data
    return found


def store_call_count(server: Server, operation: str) -> int:
    """How often the bucket was asked for something, by the server's own numbers."""
    text = httpx.get(f"{server.url}/metrics").raise_for_status().text
    pattern = rf'streamtime_store_seconds_count{{operation="{operation}",store="s3"}} ([\d.]+)'
    found = re.search(pattern, text)
    return int(float(found[1])) if found else 0

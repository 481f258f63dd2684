"""Redirects of players to the bucket by presigned URLs, where that is configured."""

from pathlib import Path

import httpx

from tests.s3 import Bucket
from tests.server import StartServer
from tests.system.player import video_playlists
from tests.system.remote import ready_video_in, store_call_count


def policy_of(page: httpx.Response) -> dict[str, str]:
    """What a page may load, by kind."""
    return dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))


def test_only_public_videos_are_handed_out_by_the_bucket(
    start_server: StartServer, bucket: Bucket, small_clip: Path
) -> None:
    server = start_server(
        **bucket.environ,
        STREAMTIME_STORAGE__S3__PUBLIC_ENDPOINT=bucket.endpoint,
        STREAMTIME_STORAGE__S3__REDIRECT_PUBLIC="true",
    )
    ann = server.person("ann")
    video = ready_video_in(ann, small_clip.read_bytes(), server, "s3")
    master = ann.look(video)["urls"]["master"]

    def whole() -> str:
        playlist = video_playlists(ann.api, master)[0]
        return playlist.replace("playlist.m3u8", "rendition.mp4")

    content = ann.api.get(whole()).raise_for_status().content
    for visibility in ("private", "members", "unlisted"):
        ann.change(video, visibility=visibility)
        assert "rendition.mp4" not in ann.api.get(video_playlists(ann.api, master)[0]).text
        part = ann.api.get(whole(), headers={"Range": "bytes=10-99"})
        assert (part.status_code, part.content) == (206, content[10:100])

    ann.change(video, visibility="public")
    guest = server.visitor().api
    playlist = guest.get(video_playlists(guest, master)[0]).raise_for_status().text
    assert '#EXT-X-MAP:URI="rendition.mp4",BYTERANGE="' in playlist
    assert "#EXT-X-BYTERANGE:" in playlist
    assert ".m4s" not in playlist
    before = store_call_count(server, "get_range"), store_call_count(server, "stream")
    told = guest.get(whole(), headers={"Range": "bytes=10-99"})
    assert (told.status_code, told.headers["Cache-Control"]) == (307, "no-store")
    assert told.headers["Location"].startswith(bucket.endpoint + "/")
    part = httpx.get(told.headers["Location"], headers={"Range": "bytes=10-99"})
    assert (part.status_code, part.content) == (206, content[10:100])
    assert (store_call_count(server, "get_range"), store_call_count(server, "stream")) == before
    assert guest.head(whole()).status_code == 200
    policy = policy_of(guest.get(f"/watch/{video}"))
    assert policy["connect-src"] == f"'self' {bucket.endpoint}"
    assert policy["media-src"].endswith(f" {bucket.endpoint}")
    assert bucket.endpoint not in str(policy_of(guest.get("/login"))), "only pages with the player need it"

    gone = whole()
    ann.change(video, visibility="private")
    assert guest.get(gone).status_code == 404


def test_without_an_address_for_browsers_it_is_refused(start_server: StartServer, bucket: Bucket) -> None:
    server = start_server(**bucket.environ)
    server.stop()
    done = server.command("serve", STREAMTIME_STORAGE__S3__REDIRECT_PUBLIC="true")
    assert done.returncode == 1
    assert "storage.s3.public_endpoint" in done.stderr

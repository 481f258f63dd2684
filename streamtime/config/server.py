"""The keys of `[server]`; `sections.py` has all the others.

The keys of `[events]`; `sections.py` has all the others.

The keys of `[uploads]`; `sections.py` has all the others.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streamtime.config.values import ByteCount, HostName, Network, Origin, PublicUrl, Seconds


class EventsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Event streams, by which open pages hear of changes. One that is refused (429) tries again later."""

    streams: Annotated[int, Meta(ge=1, le=100_000, description="How many may be open at once, in all.")] = 2000
    streams_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description=(
                "The same from one address, or one IPv6 network of 64 bits. A household behind one address is one: "
                "each page that shows a video in the making holds one stream while it is in front."
            ),
        ),
    ] = 600
    streams_per_session: Annotated[
        int, Meta(ge=1, le=100_000, description="The same of one browser that is signed in, or one API token.")
    ] = 100


GIB = 2**30
DAY = 86400


class UploadsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be uploaded, and how."""

    max_size: Annotated[ByteCount, Meta(ge=1, description="The largest file that is taken.")] = ByteCount(64 * GIB)
    chunk_size: Annotated[
        ByteCount,
        Meta(
            ge=256 * 1024,
            le=GIB,
            description=(
                "How much a browser sends in one request. Behind a proxy with a limit on bodies, less than that limit."
            ),
        ),
    ] = ByteCount(32 * 2**20)
    minimum_free_space: Annotated[
        ByteCount, Meta(ge=0, description="Uploads are refused when the disk would have less than this left.")
    ] = ByteCount(GIB)
    expire_after: Annotated[
        Seconds,
        Meta(
            ge=1,
            description=(
                "An upload that nobody goes on with for so long after its last byte is given up, and what has arrived "
                "of it goes."
            ),
        ),
    ] = Seconds(7 * DAY)
    reservation_timeout: Annotated[
        Seconds,
        Meta(
            ge=1,
            description=(
                "The room that an upload still needs is reserved for so long after its last byte. What has arrived "
                "stays for `expire_after`, and going on reserves anew, where there is room."
            ),
        ),
    ] = Seconds(3600)
    first_byte_timeout: Annotated[
        Seconds, Meta(ge=1, description="The same for an upload of which no byte has come yet.")
    ] = Seconds(900)


DAY_S = 86400


class ServerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the server listens, and whom it believes."""

    host: Annotated[
        str, Meta(min_length=1, description="Address to listen on; `127.0.0.1` keeps it to this machine.")
    ] = "0.0.0.0"  # noqa: S104  (a home server is there for the home)
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes any free one.")] = 8000
    public_url: Annotated[
        PublicUrl,
        Meta(
            description=(
                "The address that people use, when it is not this machine's own: behind a proxy, or with a domain."
            )
        ),
    ] = PublicUrl("")
    allowed_hosts: Annotated[
        tuple[HostName, ...],
        Meta(
            description=(
                "Further host names that requests may carry. IP addresses, names without a dot, "
                "`.local` names and the host of `public_url` always may."
            )
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(description=("Proxies whose `X-Forwarded-*` headers are believed, as addresses or networks.")),
    ] = ()
    max_connections: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description=(
                "How many connections there may be at once. 0 is as many as the limit on open files leaves room for "
                "(half of it, less 128), at most 4,096. Where there are too many, those are closed that have been idle "
                "for longest, or whose requests do not get on, from the address that has the most."
            ),
        ),
    ] = 0
    max_connections_per_address: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description=(
                "How many of them one address may have, or one IPv6 network of 64 bits; 0 is half of all. Of a client "
                "behind one of `trusted_proxies`, its requests under way are counted. The proxies themselves and this "
                "machine's own address have no such limit."
            ),
        ),
    ] = 0
    head_timeout: Annotated[
        Seconds, Meta(ge=1, le=3600, description="How long a request's head may take, from its first byte.")
    ] = Seconds(10)
    body_timeout: Annotated[
        Seconds,
        Meta(
            ge=1,
            le=3600,
            description=(
                "How long a request's body may pause; on average it must come at 500 bytes a second besides. What has "
                "arrived of an upload is kept."
            ),
        ),
    ] = Seconds(30)
    keep_alive_timeout: Annotated[
        Seconds, Meta(ge=1, le=3600, description="How long a connection is kept for a further request.")
    ] = Seconds(30)
    send_timeout: Annotated[
        Seconds,
        Meta(
            ge=1,
            le=DAY_S,
            description=(
                "How long a client may read nothing of an answer that waits for it. A player that is paused does so, "
                "and asks again for what it misses."
            ),
        ),
    ] = Seconds(600)
    metrics_token: Annotated[
        str,
        Meta(
            description=("Bearer token for `/metrics`. Without one it answers direct requests from this machine only."),
            extra={"secret": True},
        ),
    ] = ""
    frame_ancestors: Annotated[
        tuple[Origin, ...],
        Meta(
            description=(
                "Sites whose pages may show the player of public and unlisted videos in a frame, where the owner of "
                "the video allows it; `https://blog.example.org`, for example. None by default."
            )
        ),
    ] = ()
    shared_cache: Annotated[
        Seconds,
        Meta(
            ge=0,
            le=DAY_S,
            description=(
                "How long caches between this server and its viewers may keep segments and pictures of public videos; "
                "0 is not at all. A public video that is hidden or deleted can still be had from such a cache for so "
                "long. Whatever is not public is never kept."
            ),
        ),
    ] = Seconds(0)
    log_format: Annotated[
        Literal["auto", "text", "json"],
        Meta(description=("`text` for people, `json` for machines; `auto` is text on a terminal and json elsewhere.")),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important kind of line that is logged."),
    ] = "info"

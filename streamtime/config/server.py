"""The keys of `[server]`, `[events]` and `[uploads]`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streamtime.config.values import ByteCount, HostName, Network, Origin, PublicUrl, Seconds


class EventsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Event streams, which update open pages. A rejected one (429) is retried later."""

    streams: Annotated[int, Meta(ge=1, le=100_000, description="The most concurrent event streams in total.")] = 2000
    streams_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description=(
                "The most from one IPv4 address or IPv6 /64 network, such as a household. All tabs of a browser share "
                "one stream."
            ),
        ),
    ] = 600
    streams_per_session: Annotated[
        int, Meta(ge=1, le=100_000, description="The most of one browser session or API token.")
    ] = 100


GIB = 2**30
DAY = 86400


class UploadsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of uploads."""

    max_size: Annotated[ByteCount, Meta(ge=1, description="The largest accepted file.")] = ByteCount(64 * GIB)
    chunk_size: Annotated[
        ByteCount,
        Meta(
            ge=256 * 1024,
            le=GIB,
            description=(
                "How much a browser sends in one request. It must be below a proxy's limit on request bodies."
            ),
        ),
    ] = ByteCount(32 * 2**20)
    minimum_free_space: Annotated[
        ByteCount, Meta(ge=0, description="Uploads are rejected if less free space than this would remain on the disk.")
    ] = ByteCount(GIB)
    expire_after: Annotated[
        Seconds,
        Meta(
            ge=1,
            description=(
                "An unfinished upload without new data for this time expires, and the received data is deleted."
            ),
        ),
    ] = Seconds(7 * DAY)
    reservation_timeout: Annotated[
        Seconds,
        Meta(
            ge=1,
            description=(
                "How long the space that an upload still needs stays reserved after its last data. Received data is "
                "kept for `expire_after`; continuing reserves again, if there is space."
            ),
        ),
    ] = Seconds(3600)
    first_byte_timeout: Annotated[Seconds, Meta(ge=1, description="The same for an upload without any data.")] = (
        Seconds(900)
    )


DAY_S = 86400


class ServerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Listening, proxies, connection limits and logs."""

    host: Annotated[
        str,
        Meta(min_length=1, description="Address to listen on; `127.0.0.1` is for this machine only."),
    ] = "0.0.0.0"  # noqa: S104  (a home server is for the home network)
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 chooses a free one.")] = 8000
    public_url: Annotated[
        PublicUrl,
        Meta(
            description=(
                "The public URL of the server, if it differs from this machine's address: behind a proxy, or with a "
                "domain."
            )
        ),
    ] = PublicUrl("")
    allowed_hosts: Annotated[
        tuple[HostName, ...],
        Meta(
            description=(
                "Additional host names that requests may use. IP addresses, names without a dot, `.local` names and "
                "the host of `public_url` are always allowed."
            )
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(description="Addresses or networks of proxies; their `X-Forwarded-*` headers are trusted."),
    ] = ()
    max_connections: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description=(
                "The most concurrent connections. 0 is as many as the limit on open files allows (half of it, less "
                "128), at most 4,096. Above the limit, connections of the address with the most are closed: the "
                "longest idle ones, or those with stalled requests."
            ),
        ),
    ] = 0
    max_connections_per_address: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description=(
                "The most connections of one IPv4 address or IPv6 /64 network; 0 is half of all. For a client behind "
                "one of `trusted_proxies`, its concurrent requests are counted. The proxies themselves and this "
                "machine are exempt."
            ),
        ),
    ] = 0
    head_timeout: Annotated[
        Seconds, Meta(ge=1, le=3600, description="Timeout for receiving the head of a request, from its first byte.")
    ] = Seconds(10)
    body_timeout: Annotated[
        Seconds,
        Meta(
            ge=1,
            le=3600,
            description=(
                "How long a request body may pause; on average it must also arrive at 500 bytes per second. Received "
                "data of an upload is kept."
            ),
        ),
    ] = Seconds(30)
    keep_alive_timeout: Annotated[
        Seconds, Meta(ge=1, le=3600, description="How long an idle connection is kept open for another request.")
    ] = Seconds(30)
    send_timeout: Annotated[
        Seconds,
        Meta(
            ge=1,
            le=DAY_S,
            description=(
                "How long a client may read nothing of a response. A paused player does so, and requests the missing "
                "part again."
            ),
        ),
    ] = Seconds(600)
    metrics_token: Annotated[
        str,
        Meta(
            description="Bearer token for `/metrics`. If empty, only direct requests from this machine are allowed.",
            extra={"secret": True},
        ),
    ] = ""
    frame_ancestors: Annotated[
        tuple[Origin, ...],
        Meta(
            description=(
                "Origins that may embed the player of public and unlisted videos, if the owner of the video allows "
                "it, such as `https://blog.example.org`. None by default."
            )
        ),
    ] = ()
    shared_cache: Annotated[
        Seconds,
        Meta(
            ge=0,
            le=DAY_S,
            description=(
                "How long shared caches (proxies, CDNs) may keep segments and images of public videos; 0 forbids it. "
                "After a public video is hidden or deleted, such a cache can serve it for this time. Other videos are "
                "never cached there."
            ),
        ),
    ] = Seconds(0)
    log_format: Annotated[
        Literal["auto", "text", "json"],
        Meta(description="`text` for people, `json` for machines; `auto` is text on a terminal and json elsewhere."),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The lowest level of log events that are written."),
    ] = "info"

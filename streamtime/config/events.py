"""The keys of `[events]`; `sections.py` has all the others."""

from typing import Annotated

from msgspec import Meta, Struct


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

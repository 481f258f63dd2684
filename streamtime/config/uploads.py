"""The keys of `[uploads]`; `sections.py` has all the others."""

from typing import Annotated

from msgspec import Meta, Struct

from streamtime.config.values import ByteCount, Seconds

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

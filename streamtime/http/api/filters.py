"""The filters of lists of videos in the query of an API request."""

from datetime import UTC, date, datetime, time
from typing import Annotated

import msgspec
from litestar.params import FromQuery, QueryParameter

from streamtime.auth.access import Visibility
from streamtime.clock import EpochMs
from streamtime.http.requests import Text
from streamtime.videos.listing import Filters
from streamtime.videos.video import VideoState

_Tags = Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]] | None, QueryParameter(name="tag", max_items=20)]
_Seconds = Annotated[float | None, QueryParameter(ge=0, le=1e9)]


async def read_filters(
    owner: Text = "",
    visibility: FromQuery[Visibility | None] = None,
    in_state: Annotated[VideoState | None, QueryParameter(name="state")] = None,
    tags: _Tags = None,
    min_duration_s: _Seconds = None,
    max_duration_s: _Seconds = None,
    after: FromQuery[date | None] = None,
    before: FromQuery[date | None] = None,
    min_resolution: Annotated[int | None, QueryParameter(ge=1, le=100_000)] = None,
) -> Filters:
    """Read the filters of a list from the query; dates are UTC, `min_resolution` is 1080 for 1080p."""
    return Filters(
        owner=owner,
        visibility=visibility,
        state=in_state,
        tags=tuple(tags or ()),
        min_duration_ms=None if min_duration_s is None else round(min_duration_s * 1000),
        max_duration_ms=None if max_duration_s is None else round(max_duration_s * 1000),
        after_ms=_midnight_ms(after),
        before_ms=_midnight_ms(before),
        min_lines=min_resolution,
    )


def _midnight_ms(day: date | None) -> EpochMs | None:
    return None if day is None else EpochMs(round(datetime.combine(day, time(), UTC).timestamp() * 1000))

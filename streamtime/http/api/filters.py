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
        min_duration_ms=_milliseconds(min_duration_s),
        max_duration_ms=_milliseconds(max_duration_s),
        after_ms=_midnight_ms(after),
        before_ms=_midnight_ms(before),
        min_lines=min_resolution,
    )


class FilterBody(msgspec.Struct, forbid_unknown_fields=True):
    """The filters of a list in a body: the same as in its query."""

    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    visibility: Visibility | None = None
    state: VideoState | None = None
    tag: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=20)] = []
    min_duration_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    max_duration_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    after: date | None = None
    before: date | None = None
    min_resolution: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None

    @property
    def filters(self) -> Filters:
        """The filters; `q` is not one of them."""
        return Filters(
            visibility=self.visibility,
            state=self.state,
            tags=tuple(self.tag),
            min_duration_ms=_milliseconds(self.min_duration_s),
            max_duration_ms=_milliseconds(self.max_duration_s),
            after_ms=_midnight_ms(self.after),
            before_ms=_midnight_ms(self.before),
            min_lines=self.min_resolution,
        )


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _midnight_ms(day: date | None) -> EpochMs | None:
    return None if day is None else EpochMs(round(datetime.combine(day, time(), UTC).timestamp() * 1000))

"""The filter of the library page: in its URL, in the forms on it, and in saved filters."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

from streamtime.auth.access import Visibility
from streamtime.videos.listing import Filters, ListScope, Query, Sort
from streamtime.videos.saved_filters import SavedFilter
from streamtime.videos.video import VideoState

_MINUTE_MS = 60_000
STATES = {state.value: state for state in VideoState if state is not VideoState.TRASHED}
VISIBILITIES = {visibility.value: visibility for visibility in Visibility}
LENGTHS = {
    "short": (None, 4 * _MINUTE_MS - 1),
    "medium": (4 * _MINUTE_MS, 20 * _MINUTE_MS),
    "long": (20 * _MINUTE_MS + 1, None),
}
_SORTS = {sort.value: sort for sort in Sort if sort is not Sort.RELEVANCE}
_MAX_TEXT = 200
_KNOWN: dict[str, Mapping[str, object]] = {
    "state": STATES,
    "visibility": VISIBILITIES,
    "length": LENGTHS,
    "sort": _SORTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFilter:
    """What the library shows, and in which order. Empty values mean "all", and the newest first."""

    q: str = ""
    state: str = ""
    visibility: str = ""
    tag: str = ""
    length: str = ""
    sort: str = ""

    @classmethod
    def read(cls, params: Mapping[str, str]) -> "LibraryFilter":
        """Read the parameters of a URL; an unknown value is as none."""
        given = {name: str(params.get(name, "")).strip()[:_MAX_TEXT] for name in cls.__slots__}
        values = {name: value for name, value in given.items() if name not in _KNOWN or value in _KNOWN[name]}
        if values.get("sort") == Sort.NEW.value:
            del values["sort"]
        return cls(**values)

    @classmethod
    def parse(cls, text: str) -> "LibraryFilter":
        """Read the query of a URL."""
        return cls.read(dict(parse_qsl(text)))

    @property
    def text(self) -> str:
        """The query of its URL; the same for the same filter."""
        return urlencode({name: value for name, value in asdict(self).items() if value})

    @property
    def href(self) -> str:
        """The library with this filter."""
        return f"/library?{self.text}" if self.text else "/library"

    @property
    def narrows(self) -> bool:
        """Whether it leaves videos out, rather than only ordering them."""
        return any(value for name, value in asdict(self).items() if name != "sort")

    def query(self, cursor: str = "") -> Query:
        """The request for a page of the list."""
        shortest, longest = LENGTHS.get(self.length, (None, None))
        filters = Filters(
            state=STATES.get(self.state),
            visibility=VISIBILITIES.get(self.visibility),
            tags=(self.tag,) if self.tag else (),
            min_duration_ms=shortest,
            max_duration_ms=longest,
        )
        return Query(
            scope=ListScope.OWN, q=self.q, filters=filters, sort=_SORTS.get(self.sort, Sort.NEW), cursor=cursor
        )

    @property
    def api_filter(self) -> dict[str, object]:
        """The same filter for the API; the order is not in it."""
        shortest, longest = LENGTHS.get(self.length, (None, None))
        values: dict[str, object] = {
            "q": self.q,
            "state": self.state,
            "visibility": self.visibility,
            "tag": [self.tag] if self.tag else None,
            "min_duration_s": None if shortest is None else shortest / 1000,
            "max_duration_s": None if longest is None else longest / 1000,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class SavedFilterView:
    """A saved filter in the row above the library."""

    id: str
    name: str
    href: str
    chosen: bool


def saved_filter_views(saved: list[SavedFilter], shown: LibraryFilter) -> list[SavedFilterView]:
    """Return the saved filters, of which the one that is shown is chosen."""
    read = [(each, LibraryFilter.parse(each.query)) for each in saved]
    return [SavedFilterView(each.public_id, each.name, found.href, found == shown) for each, found in read]

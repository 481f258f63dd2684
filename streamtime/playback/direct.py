"""Addresses at which a store itself serves renditions of public videos: signed, and good for minutes.

Only what everybody may watch is handed out so: such an address can be passed on, and asks nobody for permission.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from streamtime.access.rules import Visibility
from streamtime.library.renditions import Rendition
from streamtime.objects.stores import Stores
from streamtime.playback.catalogue import PlayableVideo

URL_LIFETIME_S = 300
"""A player asks for an address with each range and uses it at once; the rest is for clocks that differ."""


class PresignedUrls:
    """Knows which stores serve browsers themselves."""

    def __init__(self, stores: Stores, names: Collection[str]) -> None:
        self._stores = stores
        self._names = frozenset(names)

    @property
    def origins(self) -> list[str]:
        """Where addresses of this kind lead, as pages have to allow it."""
        found = []
        for name in sorted(self._names):
            address = urlsplit(self.url(name, "any") or "")
            found += [f"{address.scheme}://{address.netloc}"] if address.netloc else []
        return found

    def serves(self, programme: PlayableVideo, rendition: Rendition) -> bool:
        """Whether a rendition is to be had at its store: a whole one of a public video."""
        public = programme.access_facts.visibility is Visibility.PUBLIC and not programme.access_facts.deleted
        return public and rendition.is_complete and rendition.store in self._names

    def url(self, store: str, key: str) -> str | None:
        """The address of an object; None where its store serves nobody itself."""
        return self._stores.object_stores[store].signed_url(key, URL_LIFETIME_S)

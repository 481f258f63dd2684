"""Every route that the application has, read from the application itself: a method and a template of an address."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from litestar.routes import HTTPRoute

from streamtime.http.application import build_litestar
from streamtime.http.media import MEDIA_ROUTES, MOUNT
from streamtime.http.metrics import Metrics
from streamtime.http.secret_paths import TICKETED
from streamtime.http.services import HttpSettings, Services
from streamtime.storage.wrappers import StoreMetrics


@dataclass(frozen=True, order=True)
class Route:
    """One thing that can be asked for."""

    template: str
    method: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def all_routes() -> list[Route]:
    """All of them, those of media by ticket too.

    OPTIONS says which methods there are, of every address alike, and HEAD is answered as GET is.
    """
    return sorted({*_of_the_framework(), *_of_media()})


def _of_the_framework() -> Iterator[Route]:
    # Nothing is asked of the services while the table is made.
    nothing = cast("Services", None), cast("HttpSettings", None)
    application = build_litestar(*nothing, Metrics(StoreMetrics()), version="0")
    for route in application.routes:
        assert isinstance(route, HTTPRoute), f"{route.path} is no HTTP route: the matrix has to learn of it"
        methods = {str(method) for method in route.methods} - {"OPTIONS"}
        yield from (Route(route.path, method) for method in {*methods, *(["HEAD"] if "GET" in methods else [])})


def _of_media() -> Iterator[Route]:
    for route in MEDIA_ROUTES:
        for mount in (MOUNT, f"{TICKETED}{{ticket}}{MOUNT}"):
            yield from (Route(mount + route.template, method) for method in ("GET", "HEAD"))

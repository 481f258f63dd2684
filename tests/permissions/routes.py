"""All routes, read from the application itself: method and URL template."""

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
    """One method of one URL template."""

    template: str
    method: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def all_routes() -> list[Route]:
    """All routes, including those of media with a ticket.

    OPTIONS lists the methods of any URL and is left out; HEAD is answered like GET.
    """
    return sorted({*_of_the_framework(), *_of_media()})


def _of_the_framework() -> Iterator[Route]:
    # No service is used while the routes are collected.
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

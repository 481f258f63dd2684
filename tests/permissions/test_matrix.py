"""Every route there is, every method, every caller, every state of a video: who is let in, and who learns what."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamtime.http.media import MOUNT
from streamtime.http.secret_paths import TICKETED
from tests.permissions.route_table import ROUTE_RULES, rule_for
from tests.permissions.routes import Route, all_routes
from tests.permissions.rules import CALLERS, TICKETS, RouteRule, Verdict, Who, signed_in
from tests.permissions.scenario import Scenario, VideoParts, open_scenario

ROUTES = all_routes()
MANIFEST = Path(__file__).parents[2] / "web" / "dist" / "manifest.json"


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with open_scenario(tmp_path_factory.mktemp("matrix")) as made:
        yield made


def test_every_route_has_its_door_and_every_door_its_route() -> None:
    unknown = [str(route) for route in ROUTES if rule_for(route.template, route.method) is None]
    assert unknown == [], "say in tests/permissions/doors.py whom these let in"
    there = {(route.template, route.method) for route in ROUTES}
    gone = [f"{method} {template}" for template, methods in ROUTE_RULES.items() for method in methods]
    assert [name for name in gone if tuple(reversed(name.split(" ", 1))) not in there] == []


@pytest.mark.parametrize("who", CALLERS)
def test_whom_each_route_lets_in(cast: Scenario, who: Who) -> None:
    before = cast.snapshot()
    wrong, tried = [], 0
    for route in ROUTES:
        if who in TICKETS and route.template.startswith(MOUNT):
            continue  # behind a ticket these are doors of their own
        door = rule_for(route.template, route.method)
        assert door is not None
        if door.ends and signed_in(who):
            continue
        for state in door.states(who):
            expected = door.expects(who, state, route.method)
            if expected is Verdict.IN and door.spends and (who == "owner" or not door.replaceable(state)):
                continue  # the owner's are the tests of each feature; the others are let in to the same
            shown = cast.throwaway(state) if expected is Verdict.IN and door.spends else cast.videos[state]
            got = asked(cast.clients[who], route, door, cast.with_ticket(who, shown), before=prefix_of(who, route))
            tried += 1
            if got is not expected:
                wrong.append(f"{route}, {state}: {got.value}, and not: {expected.value}")
    assert not wrong, "\n".join(wrong)
    assert cast.snapshot() == before, "nobody has changed what they were not let in to"
    print(f"{who}: {tried} doors tried")


def prefix_of(who: Who, route: Route) -> str:
    """Who brings a ticket puts it before everything, not only before media."""
    return f"{TICKETED}{{ticket}}" if who in TICKETS and not route.template.startswith(TICKETED) else ""


def asked(client: httpx.Client, route: Route, door: RouteRule, shown: VideoParts, *, before: str = "") -> Verdict:
    """How a door answers. An event stream is left as soon as it has begun."""
    address = filled(before, shown.parts) + filled(route.template, shown.parts)
    asking: dict[str, Any] = {"follow_redirects": False, **(door.body or {})}
    asking["params"] = {name: filled(value, shown.parts) for name, value in asking.get("params", {}).items()}
    with client.stream(route.method, address, **asking) as answer:
        return verdict_of(answer)


def verdict_of(answer: httpx.Response) -> Verdict:
    status = answer.status_code
    assert status < 500, (answer.request.method, str(answer.request.url), status)
    assert status != 405, (answer.request.method, str(answer.request.url))
    if status == 401 or (status == 303 and answer.headers["Location"].startswith("/login")):
        return Verdict.SIGN_IN
    return {403: Verdict.FORBIDDEN, 404: Verdict.NOTHING}.get(status, Verdict.IN)


def filled(template: str, parts: dict[str, str]) -> str:
    """An address with a likely word for everything in braces."""
    if template.startswith("/assets/"):
        return f"/assets/{min(json.loads(MANIFEST.read_text()).values())}"
    if template == "/api/{path:str}":
        return "/api/openapi.json"
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: parts[found[1]], template)

"""Every route, method, caller and state of a video: what is allowed, and what is disclosed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streamtime.http.media import MOUNT
from streamtime.http.secret_paths import TICKETED
from tests.permissions.route_table import ROUTE_RULES, rule_for
from tests.permissions.routes import Route, all_routes
from tests.permissions.rules import CALLERS, TICKETS, RouteRule, State, Verdict, Who, signed_in
from tests.permissions.scenario import Scenario, VideoParts, open_scenario, without_http

ROUTES = all_routes()
HTTP_CALLER = "owner"
"""Other callers ask the same application in this process, in less than half of the CPU time (tests/in_process.py)."""

MANIFEST = Path(__file__).parents[2] / "web" / "dist" / "manifest.json"


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with open_scenario(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@pytest.fixture(scope="module")
def over_http(scenario: Scenario) -> list["Answer"]:
    """The answers to one caller from the server, over HTTP."""
    return answers(scenario, HTTP_CALLER)


@pytest.fixture(scope="module")
def application(scenario: Scenario, over_http: list["Answer"]) -> Iterator[Scenario]:  # noqa: ARG001  # it comes first
    with without_http(scenario) as made:
        yield made


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    unknown = [str(route) for route in ROUTES if rule_for(route.template, route.method) is None]
    assert unknown == [], "add a rule to tests/permissions/route_table.py"
    there = {(route.template, route.method) for route in ROUTES}
    gone = [f"{method} {template}" for template, methods in ROUTE_RULES.items() for method in methods]
    assert [name for name in gone if tuple(reversed(name.split(" ", 1))) not in there] == []


@pytest.mark.parametrize("who", CALLERS)
def test_each_route_answers_by_its_rule(application: Scenario, who: Who) -> None:
    before = application.snapshot()
    wrong = [str(answer) for answer in answers(application, who) if answer.got is not answer.expected]
    assert not wrong, "\n".join(wrong)
    assert application.snapshot() == before, "no rejected request has changed anything"


def test_the_answers_over_http_are_the_same(over_http: list["Answer"], application: Scenario) -> None:
    assert answers(application, HTTP_CALLER) == over_http


@dataclass(frozen=True)
class Answer:
    """How a route answered a caller, and how it should."""

    route: Route
    state: State
    expected: Verdict
    got: Verdict

    def __str__(self) -> str:
        return f"{self.route}, {self.state}: {self.got.value}, and not: {self.expected.value}"


def answers(scenario: Scenario, who: Who) -> list[Answer]:
    """The answers of all routes to a caller, in all states of a video that matter."""
    found = []
    for route in ROUTES:
        if who in TICKETS and route.template.startswith(MOUNT):
            continue  # routes with a ticket are separate entries
        rule = rule_for(route.template, route.method)
        assert rule is not None
        if rule.ends_session and signed_in(who):
            continue
        for state in states_to_try(rule, who, route.method):
            expected = rule.expects(who, state, route.method)
            if expected is Verdict.ALLOWED and rule.consumes and (who == "owner" or not rule.replaceable(state)):
                continue  # the tests of each feature do this as the owner
            changes = expected is Verdict.ALLOWED and rule.consumes
            shown = scenario.throwaway(state) if changes else scenario.videos[state]
            found.append(Answer(route, state, expected, asked(scenario, who, route, rule, shown)))
    return found


def states_to_try(rule: RouteRule, who: Who, method: str) -> tuple[State, ...]:
    """All states that matter. A HEAD request is handled as GET, so it is tried in one state for each answer."""
    if method != "HEAD":
        return rule.states(who)
    return tuple({rule.expects(who, state, method): state for state in rule.states(who)}.values())


def prefix_of(who: Who, route: Route) -> str:
    """Callers with a ticket put it before every URL, not only those of media."""
    return f"{TICKETED}{{ticket}}" if who in TICKETS and not route.template.startswith(TICKETED) else ""


def asked(scenario: Scenario, who: Who, route: Route, rule: RouteRule, shown: VideoParts) -> Verdict:
    """The answer of a route to a caller."""
    parts = scenario.with_ticket(who, shown).parts
    address = filled(prefix_of(who, route), parts) + filled(route.template, parts)
    asking: dict[str, Any] = {**(rule.body or {})}
    if "json" in asking:
        asking["json"] = with_parts(asking["json"], parts)
    if "params" in asking:
        asking["params"] = {name: filled(value, parts) for name, value in asking["params"].items()}
    # httpx parses a whole URL once, and others three times.
    request = scenario.clients[who].build_request(route.method, scenario.server.url + address, **asking)
    status, location = scenario.ask(request)
    if not (status == 503 and route.template == "/readyz" and scenario.in_process):
        assert status < 500, (request.method, str(request.url), status)
    assert status != 405, (request.method, str(request.url))
    return verdict_of(status, location)


def with_parts(body: dict[str, Any], parts: dict[str, str]) -> dict[str, Any]:
    """A JSON body with values where it says `{video}` or the like."""
    loaded: dict[str, Any] = json.loads(re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], json.dumps(body)))
    return loaded


def verdict_of(status: int, location: str) -> Verdict:
    if status == 401 or (status == 303 and location.startswith("/login")):
        return Verdict.SIGN_IN
    return {403: Verdict.FORBIDDEN, 404: Verdict.NOT_FOUND}.get(status, Verdict.ALLOWED)


def filled(template: str, parts: dict[str, str]) -> str:
    """A URL with plausible values for its variables."""
    if template.startswith("/assets/"):
        return f"/assets/{min(json.loads(MANIFEST.read_text()).values())}"
    if template == "/api/{path:str}":
        return "/api/openapi.json"
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: parts[found[1]], template)

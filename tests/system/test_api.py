"""/api/v1 by the book: bounds, pages of lists, filters, problems, and a document that names every route."""

import base64
import json
import re
from itertools import count
from typing import Any

import httpx
import pytest

from tests.people import Person
from tests.permissions.route_table import ROUTE_RULES
from tests.server import Server, StartServer, wait_until

_numbers = count(1)

SORTED = {
    "new": ["Delta", "alpha 100%", "Charlie", "bravo"],
    "old": ["bravo", "Charlie", "alpha 100%", "Delta"],
    "title": ["alpha 100%", "bravo", "Charlie", "Delta"],
}
CONTAINERS = {"mp4", "mkv", "webm"}


@pytest.fixture(scope="module")
def lister(shared_server: Server) -> Person:
    """Somebody with four videos, made in the order of `old`."""
    person = shared_server.person(f"lister{next(_numbers)}")  # set up again where tests of other files came between
    for title in SORTED["old"]:
        person.begin(100, title=title)
    return person


@pytest.fixture
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


@pytest.fixture
def video(ann: Person) -> str:
    return ann.api.post("/api/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "9"}).headers[
        "Streamtime-Video"
    ]


def titles(answer: httpx.Response) -> list[str]:
    return [item["title"] for item in answer.raise_for_status().json()["items"]]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem of an answer, which has to be one as RFC 9457 describes it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["code"]
    return body


@pytest.mark.parametrize("sort", SORTED)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_pages_join_to_the_whole_list(lister: Person, sort: str, limit: int) -> None:
    found: list[str] = []
    asked: dict[str, str | int] = {"owner": lister.name.upper(), "sort": sort, "limit": limit}
    for _ in SORTED[sort]:
        answer = lister.api.get("/api/v1/videos", params=asked)
        page = titles(answer)
        assert len(page) <= limit
        found += page
        if (following := answer.json()["next"]) is None:
            break
        asked["cursor"] = following
    assert found == SORTED[sort]


def test_a_page_is_not_moved_by_what_is_added_or_deleted(shared_server: Server) -> None:
    person = shared_server.person("mover")
    for number in range(4):
        person.begin(100, title=f"{number}")
    first = person.api.get("/api/v1/videos", params={"limit": 2})
    assert titles(first) == ["3", "2"]
    person.begin(100, title="4")
    assert person.api.delete(f"/api/v1/videos/{first.json()['items'][1]['id']}").status_code == 204
    second = person.api.get("/api/v1/videos", params={"limit": 2, "cursor": first.json()["next"]})
    assert titles(second) == ["1", "0"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("ALPHA", ["alpha 100%"]),
        ("harl", ["Charlie"]),
        ("100%", ["alpha 100%"]),
        ("%", []),
        ("_", []),
        ("'; DROP TABLE videos", []),
        (" bravo ", ["bravo"]),
        ("", SORTED["new"]),
    ],
)
def test_q_looks_in_titles(lister: Person, q: str, found: list[str]) -> None:
    assert titles(lister.api.get("/api/v1/videos", params={"q": q, "owner": lister.name})) == found


def test_filters_by_state_visibility_and_tag(ann: Person, video: str) -> None:
    ann.change(video, tags=["Holiday", "holiday", " ", "Sea side"], visibility="unlisted")
    assert ann.look(video)["tags"] == ["Holiday", "Sea side"]

    def ids(**asked: str) -> set[str]:
        items = ann.api.get("/api/v1/videos", params={"limit": 100, **asked}).raise_for_status().json()["items"]
        return {item["id"] for item in items}

    assert video in ids(q="SEA SIDE")
    assert video in ids(state="uploading", visibility="unlisted")
    assert video not in ids(state="ready")
    assert video not in ids(visibility="public")
    assert ids(owner="nobody") == set()


def test_junk_in_a_query_is_refused_in_words(lister: Person) -> None:
    bad: list[dict[str, str]] = [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"sort": "size"},
        {"state": "lost"},
        {"visibility": "all"},
        {"q": "x" * 201},
        {"cursor": "x" * 2001},
    ]
    for params in bad:
        assert next(iter(params)) in problem(lister.api.get("/api/v1/videos", params=params), 400)["detail"]


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "junk",
        "[]",
        "[1]",
        "[1, 2, 3]",
        '["a", 1]',
        "[null, null]",
        "{}",
        f"[{10**30}, 1]",
        f"[1, {10**30}]",
        "[1e400, 1]",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(lister: Person, inside: str) -> None:
    cursor = base64.urlsafe_b64encode(inside.encode()).decode() or "!"
    assert problem(lister.api.get("/api/v1/videos", params={"cursor": cursor}), 400)["field"] == "cursor"


def test_patch_changes_what_is_named_and_nothing_else(ann: Person, video: str) -> None:
    ann.change(video, title="  A  title\t", description="One\r\ntwo")
    before = ann.look(video)
    assert (before["title"], before["description"]) == ("A title", "One\ntwo")
    ann.change(video, tags=["a"])
    assert ann.look(video) == {**before, "tags": ["a"]}
    ann.change(video)
    assert ann.look(video) == {**before, "tags": ["a"]}


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": " \u0000 "},
        {"title": "t" * 201},
        {"title": 5},
        {"description": "d" * 10_001},
        {"description": "d" * 20_001},
        {"tags": ["t" * 51]},
        {"tags": [f"{number}" for number in range(31)]},
        {"tags": "a"},
        {"tags": [None]},
        {"visibility": "everybody"},
        {"state": "ready"},
        {"title": "Good", "unknown": 1},
        {"title": "Good", "visibility": "x"},
    ],
)
def test_patch_takes_all_or_nothing(ann: Person, video: str, change: dict[str, object]) -> None:
    before = ann.look(video)
    problem(ann.api.patch(f"/api/v1/videos/{video}", json=change), 400)
    assert ann.look(video) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"title": "\\ud800"}', b"[" * 5000])
def test_a_body_that_is_no_object_is_refused(ann: Person, video: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    problem(ann.api.patch(f"/api/v1/videos/{video}", content=body, headers=headers), 400)


def test_a_body_without_end_is_refused(ann: Person, video: str) -> None:
    huge = b'{"title": "' + b"x" * 300_000 + b'"}'
    problem(ann.api.patch(f"/api/v1/videos/{video}", content=huge), 413)


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", "\u202eevil", "\U0001f3ac \u00fc", "{{ 7*7 }}", "'\"&"])
def test_a_title_is_text_wherever_it_stands(ann: Person, video: str, title: str) -> None:
    ann.change(video, title=title, description=title, tags=[title])
    page = ann.browser.get(f"/watch/{video}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert ann.browser.get("/library").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v2/videos", 404),
        ("GET", "/api/v1/videos/none", 404),
        ("GET", "/api/v1/videos/" + "x" * 3000, 404),
        ("GET", "/api/v1/videos/%00", 404),
        ("GET", "/api/v1/videos/..%2f..%2fetc", 404),
        ("PUT", "/api/v1/videos", 405),
        ("DELETE", "/api/v1/videos", 405),
        ("GET", "/api/v1/uploads", 405),
        ("POST", "/api/v1/videos/none/retry", 404),
        ("GET", "/api/v1/events?video=none", 404),
        ("GET", "/media/none/master.m3u8", 404),
        ("GET", "/assets/none.js", 404),
        ("GET", "/assets/..%2fpackage.json", 404),
    ],
)
def test_errors_are_problems(ann: Person, method: str, path: str, status: int) -> None:
    problem(ann.api.request(method, path), status)


def test_what_needs_an_account_says_so(shared_server: Server) -> None:
    visitor = shared_server.visitor().api
    for path in ("/api/v1/me", "/api/v1/events"):
        answer = visitor.get(path)
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_unknown_pages_are_pages(shared_server: Server) -> None:
    for path in ("/nothing", "/watch/none", "/@nobody", "/a/b/c", "/@", "/%00"):
        answer = shared_server.visitor().browser.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["/explore", "/login", "/api/docs", "/api/v1/videos", "/healthz", "/favicon.ico", "/no"]
)
def test_head_of_a_page_is_its_get_without_body(shared_server: Server, path: str) -> None:
    client = shared_server.visitor().browser
    got, told = client.get(path), client.head(path)
    assert told.status_code == got.status_code
    assert told.content == b""
    for name in ("content-type", "content-length", "content-security-policy", "cache-control"):
        assert told.headers.get(name) == got.headers.get(name), name


def test_pages_carry_a_strict_policy(shared_server: Server) -> None:
    for path in ("/explore", "/login", "/no", "/api/docs"):
        headers = shared_server.visitor().browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert not re.search(r"script-src[^;]*(unsafe|https?:|\*)", policy)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


def test_the_document_names_every_route_of_the_api(shared_server: Server) -> None:
    document = shared_server.visitor().api.get("/api/openapi.json").raise_for_status().json()
    assert document["openapi"].startswith("3.")
    served = {(path, method) for path, item in document["paths"].items() for method in item if path.startswith("/api/")}
    known = {
        (template.replace(":str", ""), method.lower()) for template, door in ROUTE_RULES.items() for method in door
    }
    assert served == {
        ("/api/v1/uploads", "options"),
        *((path, method) for path, method in known if path.startswith("/api/v1/")),
    }
    schemas = document["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document))) <= schemas.keys()
    listing = {parameter["name"] for parameter in document["paths"]["/api/v1/videos"]["get"]["parameters"]}
    assert listing == {
        *("q", "owner", "visibility", "state", "tag", "sort", "limit", "cursor"),
        *("min_duration_s", "max_duration_s", "min_resolution", "after", "before"),
    }
    assert json.loads(shared_server.run("openapi")) == document


def test_the_docs_are_pages_of_our_own(shared_server: Server) -> None:
    page = shared_server.visitor().browser.get("/api/docs")
    assert page.status_code == 200
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    for asset in re.findall(r'(?:src|href)="(/assets/[^"#]+)', page.text):
        answer = shared_server.visitor().browser.get(asset)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]


def test_upload_config_tells_the_limits_as_numbers(shared_server: Server) -> None:
    told = shared_server.visitor().api.get("/api/v1/upload-config").raise_for_status().json()
    assert told["max_size"] == 64 * 2**30
    assert told["chunk_size"] == 32 * 2**20
    assert told["default_visibility"] == "private"
    assert set(told["containers"]) >= CONTAINERS


def test_machines_are_told_how_it_is(shared_server: Server) -> None:
    client = shared_server.visitor().api
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    told = ready.json()
    assert "seccomp" in told.pop("confinement").split(", ")
    assert told.pop("backup") in {"ok", "off"}
    parts = ("database", "storage", "spool", "pool", "workers")
    assert (ready.status_code, told) == (200, dict.fromkeys(parts, "ok"))
    numbers = client.get("/metrics")
    assert numbers.status_code == 200
    for name in ("streamtime_requests_total", "streamtime_free_bytes", "streamtime_jobs", "streamtime_event_listeners"):
        assert re.search(rf"^(# TYPE )?{name}", numbers.text, re.MULTILINE), name


def test_behind_a_proxy_metrics_are_for_nobody(shared_server: Server) -> None:
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert shared_server.visitor().api.get("/metrics", headers={name: "127.0.0.1"}).status_code == 404


def test_with_a_token_metrics_are_for_who_has_it(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_SERVER__METRICS_TOKEN="open sesame")
    client = server.visitor().api
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer open"}).status_code == 404
    behind = {"Authorization": "Bearer open sesame", "X-Forwarded-For": "10.0.0.1"}
    assert client.get("/metrics", headers=behind).status_code == 200


def test_events_tell_each_step_of_a_video(ann: Person) -> None:
    at = ann.begin(9, title="Told")
    with ann.api.stream("GET", "/api/v1/events", timeout=90) as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        lines = events.iter_lines()
        assert next(lines) == ": hello"
        assert ann.append(at, 0, b"not media").status_code == 204
        states: list[str] = []

        def failed() -> bool:
            line = next(lines)
            if line.startswith("data: ") and (body := json.loads(line[6:])).get("title") == "Told":
                states.append(body["state"])
            return "failed" in states

        wait_until(failed, "the failure is told")


def test_a_field_with_the_name_of_a_service_is_refused_in_words(lister: Person) -> None:
    for videos, words in (
        ([], "A link shows 1 to 50 videos"),
        (["x"] * 51, "videos: Expected"),
        ("x", "videos: Expected"),
        (None, "videos: Expected"),
    ):
        detail = problem(lister.api.post("/api/v1/links", json={"videos": videos}), 400)["detail"]
        assert detail.startswith(words), detail

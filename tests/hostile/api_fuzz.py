"""`make fuzz-api`: schemathesis tests a real server against its OpenAPI document, as every kind of caller.

Failures are printed as curl commands. The same `--seed` sends the same requests, apart from ids and secrets.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.clips import make_clip
from tests.people import PASSWORD, Person
from tests.server import Server, running_server, wait_until

CALLERS = ("anonymous", "viewer", "member", "admin")

COMMAND = str(Path(sys.executable).with_name("schemathesis"))
HOOKS = str(Path(__file__).with_name("api_hooks.py"))

WITHOUT = ["/api/v1/events"]
"""An endless stream, tested in tests/system/test_api.py."""

REFUSED = [400, 401, 403, 404, 405, 409, 412, 413, 415, 429, 460]
"""Allowed answers to a request that violates the document: tus uses 412 for a missing header."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "use_after_free",
    "ensure_resource_availability",
)


REFUSALS = {
    check: {"enabled": True, "expected-statuses": REFUSED}
    for check in ("negative_data_rejection", "missing_required_header")
}


@dataclass(frozen=True)
class FuzzSettings:
    """The extent of a run: `examples` requests per operation and phase; the same seed gives the same run."""

    examples: int
    seed: int
    phases: str = "coverage,fuzzing,stateful"
    seconds: int | None = None


@dataclass
class ResourceIds:
    """What is there to be asked about, by the names that stand in braces in addresses."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)


@contextmanager
def open_server() -> Iterator[Server]:
    """A server with all callers."""
    with running_server() as server:
        server.run("user", "create", "viewer", "--role", "viewer", "--password-stdin", given=PASSWORD + "\n")
        server.person("admin", admin=True)
        server.person("member")
        yield server


def caller(server: Server, who: str) -> Person:
    """One of `CALLERS`."""
    return {"anonymous": server.visitor(), "viewer": Person(server, "viewer")}.get(who) or server.person(who)


def things_for(server: Server, who: str, folder: Path) -> ResourceIds:
    """New resources of every kind for the caller; those of anonymous callers belong to the member."""
    owner = server.person(who if who in {"member", "admin"} else "member")
    users = server.person("admin").api.get("/api/v1/admin/users").raise_for_status().json()["items"]
    clip = make_clip(folder / f"{who}.mp4", duration_s=2, width=320, height=180)
    ready = [owner.send(clip.read_bytes() + bytes([n]), filename="a.mp4", visibility="unlisted") for n in range(2)]
    broken = owner.send(secrets.token_bytes(99), filename="b.mp4", visibility="unlisted")
    wait_until(lambda: all(owner.look(video)["state"] in {"ready", "failed"} for video in (*ready, broken)), "prepared")
    track = b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"
    owner.api.post(f"/api/v1/videos/{ready[0]}/captions?language=en", content=track).raise_for_status()
    things = ResourceIds({
        "video": [*ready, broken],
        "name": ["en"],
        "upload": [owner.begin(5, filename="c.mp4").rpartition("/")[2] for _ in range(2)],
        "link": [_made(owner, "links", videos=ready) for _ in range(2)],
        "drop": [_made(owner, "drops", label="Send") for _ in range(2)],
        "token": [_made(owner, "tokens", label="Made") for _ in range(2)],
        "user": [_account(server, f"{who}-{secrets.token_hex(3)}") for _ in range(3)],
    })  # fmt: skip
    tokens = owner.api.get("/api/v1/tokens").raise_for_status().json()["items"]
    things.own = [user["id"] for user in users if user["name"] == who]
    things.own += [token["id"] for token in tokens if token["id"] not in things.ids["token"]]
    return things


def _made(owner: Person, kind: str, **wishes: object) -> str:
    return str(owner.api.post(f"/api/v1/{kind}", json=wishes).raise_for_status().json()["id"])


def _account(server: Server, name: str) -> str:
    body = {"name": name, "password": PASSWORD}
    return str(server.person("admin").api.post("/api/v1/admin/users", json=body).raise_for_status().json()["id"])


def tried(server: Server, who: str, wishes: FuzzSettings, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run schemathesis as one caller."""
    things = things_for(server, who, folder)
    config = folder / f"{who}.toml"
    config.write_text(_configuration(server, caller(server, who), things, wishes))
    return subprocess.run(
        [COMMAND, "--config-file", str(config), "run", f"{server.url}/api/openapi.json", "--no-color"],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "STREAMTIME_FUZZ_OWN": json.dumps(things.own)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _configuration(server: Server, person: Person, things: ResourceIds, wishes: FuzzSettings) -> str:
    """The settings of a run, as TOML."""
    phases = wishes.phases.split(",")
    headers = {"Authorization": f"Bearer {person.token}"} if person.name else {}
    settings = {
        "seed": wishes.seed,
        "continue-on-failure": True,
        "request-timeout": 60,
        "warnings": False,
        "base-url": server.url,
        "headers": headers,
        "generation": {"max-examples": wishes.examples, "deterministic": True, "database": "none"},
        "checks": {"enabled": False, **{check: {"enabled": True} for check in CHECKS}, **REFUSALS},
        "phases": {
            "enabled": False,
            **{phase: {"enabled": phase in phases} for phase in ("examples", "coverage", "fuzzing", "stateful")},
        },
        "dictionaries": {name: {"values": ids} for name, ids in things.ids.items()},
        "parameters": {f"path.{name}": {"dictionary": name, "probability": 0.6} for name in things.ids},
        "operations": [{"include-path": path, "enabled": False} for path in WITHOUT],
        **({} if wishes.seconds is None else {"max-time": wishes.seconds}),
    }
    return "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in settings.items())


def _toml(value: object) -> str:
    """A TOML value, which is JSON except for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return json.dumps(value)


def main() -> None:
    """Parse the options, run, and exit with 1 on a fault."""
    parser = argparse.ArgumentParser(prog="make fuzz-api", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="how many requests for each operation (200)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="the same seed asks the same")
    parser.add_argument("--only", choices=CALLERS, action="append", help="as one of them alone")
    parser.add_argument("--phases", default=FuzzSettings.phases, help=f"some of {FuzzSettings.phases}")
    options = parser.parse_args()
    wishes = FuzzSettings(options.examples, options.seed, options.phases)
    print(f"seed {options.seed}", flush=True)
    failed = []
    with TemporaryDirectory(prefix="streamtime-fuzz-api-") as folder, open_server() as server:
        for who in options.only or CALLERS:
            began = time.monotonic()
            done = tried(server, who, wishes, Path(folder))
            print(f"== {who}, {time.monotonic() - began:.0f} s\n{done.stdout}", flush=True)
            failed += [who] if done.returncode else []
    sys.exit(f"to be put right, as: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()

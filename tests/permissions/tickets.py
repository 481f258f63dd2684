"""Tickets for the permission matrix, signed here with the server's key, so that expired ones can be made too.

The signature is implemented a second time, independent of the code under test.
"""

import base64
import hashlib
import hmac
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LASTS_S = 3600

SESSION = "SELECT s.id, s.public_id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.name = ? ORDER BY s.id"
TOKEN = "SELECT t.id, t.public_id FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE u.name = ? ORDER BY t.id"
LINK = "SELECT id, public_id FROM links WHERE public_id = ?"


@dataclass(frozen=True)
class TicketSource:
    """The source of a ticket: its letter, its row, and the name that is signed but not contained."""

    letter: str
    row_id: int
    name: str


class TicketFactory:
    """Creates tickets from the rows in a server's database."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def session(self, person: str) -> TicketSource:
        """The latest session of a user."""
        return self._ground("s", SESSION, person)

    def token(self, person: str) -> TicketSource:
        """The latest API token of a user."""
        return self._ground("k", TOKEN, person)

    def link(self, public_id: str) -> TicketSource:
        return self._ground("l", LINK, public_id)

    def ticket(self, ground: TicketSource, video: str, *, lasts_s: int = LASTS_S) -> str:
        """A ticket for a video; expired if `lasts_s` is negative."""
        ((key, secret),) = self._rows("SELECT public_id, secret FROM signing_keys WHERE purpose = 'ticket'", ())
        name = hashlib.sha256(ground.name.encode()).digest()[:16]
        claims = {
            "src": ground.letter,
            "row": ground.row_id,
            "vid": video,
            "fpt": base64.b64encode(name).decode(),
            "aud": "ticket",
            "exp": int(time.time()) + lasts_s,
        }
        parts = [_part(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT", "kid": key}, claims)]
        return ".".join([*parts, _part(hmac.digest(secret, ".".join(parts).encode(), "sha256"))])

    def _ground(self, letter: str, query: str, name: str) -> TicketSource:
        row_id, public_id = self._rows(query, (name,))[-1]
        return TicketSource(letter, row_id, public_id)

    def _rows(self, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")

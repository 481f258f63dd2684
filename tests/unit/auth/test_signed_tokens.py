"""Signed tokens: each kind is refused in place of each other, and a token ends with its time and its key."""

from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import msgspec
import pytest

from streamtime.auth.signed_tokens import SignedTokens, TokenKind
from streamtime.auth.signing_keys import ROTATE_AFTER_MS, VERIFY_OVERLAP_MS, ProcessKey, Purpose, SigningKeys
from streamtime.clock import EpochMs
from streamtime.database.migrate import migrate
from streamtime.database.transaction import Database, EpochWatch
from tests.fake_clock import FakeClock

HOUR_MS = 3_600_000
KINDS = list(TokenKind)


class Facts(msgspec.Struct, frozen=True):
    """Claims that every kind could have."""

    name: str
    number: int


class OtherFacts(msgspec.Struct, frozen=True):
    """Claims that do not fit the others."""

    title: str


FACTS = Facts("ann", 7)


class Place:
    """A clock, and the tokens of each kind, all signed with one key."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.key = ProcessKey(self.clock)

    def tokens(self, kind: TokenKind = TokenKind.TICKET) -> SignedTokens[Facts]:
        return SignedTokens(kind, Facts, self.key, self.clock)

    async def issue(self, kind: TokenKind = TokenKind.TICKET) -> str:
        return (await self.tokens(kind).issue(FACTS, self.clock.now + HOUR_MS)).text


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.mark.parametrize("issued", KINDS)
@pytest.mark.parametrize("expected", KINDS)
async def test_a_kind_is_accepted_only_as_itself(place: Place, issued: TokenKind, expected: TokenKind) -> None:
    token = await place.tokens(expected).verify(await place.issue(issued))
    assert (token is not None) is (issued is expected)


async def test_a_token_ends_on_its_second(place: Place) -> None:
    token = await place.tokens().issue(FACTS, place.clock.now + HOUR_MS + 999)
    assert token.expires_at_ms == FakeClock.now + HOUR_MS
    place.clock.now += HOUR_MS - 1
    verified = await place.tokens().verify(token.text)
    assert verified
    assert (verified.claims, verified.expires_at_ms) == (FACTS, token.expires_at_ms)
    place.clock.now += 1
    assert await place.tokens().verify(token.text) is None


async def test_another_key_a_changed_text_and_other_claims_are_refused(place: Place) -> None:
    text = await place.issue()
    header, body, signature = text.split(".")
    others = [f"{header}.{body}.", f"{header}.{body}", f"{header}..{signature}", "", "..", f"{text}=", f" {text}"]
    others += [f"{header}.{body}.{'A' * 43}", f"{header}.{body}.{signature[:20]}!{signature[20:]}", "é" + text]
    others += [f"{header}.{(await place.issue(TokenKind.ACCESS)).split('.')[1]}.{signature}", await Place().issue()]
    for other in [*others, "A" * 5000 + text]:
        assert await place.tokens().verify(other) is None, other
    fitting = SignedTokens(TokenKind.TICKET, OtherFacts, place.key, place.clock)
    assert await fitting.verify(text) is None
    assert await place.tokens().verify(text)


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
async def test_only_one_algorithm_is_accepted(place: Place, algorithm: str) -> None:
    key = await place.key.current()
    claims = jwt.decode(await place.issue(), options={"verify_signature": False})
    secret = "" if algorithm == "none" else key.secret + key.secret
    text = jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": key.public_id})
    assert await place.tokens().verify(text) is None


@pytest.mark.parametrize("missing", ["aud", "exp", "name"])
async def test_every_claim_is_required(place: Place, missing: str) -> None:
    key = await place.key.current()
    claims = jwt.decode(await place.issue(), options={"verify_signature": False})
    del claims[missing]
    text = jwt.encode(claims, key.secret, algorithm="HS256", headers={"kid": key.public_id})
    assert await place.tokens().verify(text) is None


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=EpochMs(FakeClock.now))
    opened = Database(path)
    yield opened
    await opened.close()


async def test_a_rotated_key_verifies_for_a_day(database: Database, tmp_path: Path) -> None:
    clock, epoch = FakeClock(), EpochWatch(tmp_path / "streamtime.db")
    database.on_epoch_bumped = epoch.invalidate
    keys = SigningKeys(database, epoch, clock, Purpose.TICKET)
    tokens = SignedTokens(TokenKind.TICKET, Facts, keys, clock)
    token = await tokens.issue(FACTS, clock.now + 2 * (ROTATE_AFTER_MS + VERIFY_OVERLAP_MS))
    clock.now += ROTATE_AFTER_MS
    other = await tokens.issue(FACTS, clock.now + HOUR_MS)
    assert jwt.get_unverified_header(other.text)["kid"] != jwt.get_unverified_header(token.text)["kid"]
    assert await tokens.verify(token.text)
    clock.now += VERIFY_OVERLAP_MS
    assert await tokens.verify(token.text) is None
    epoch.close()

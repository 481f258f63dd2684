"""Every caller, every visibility: one table."""

import pytest

from streamtime.access.caller import ANONYMOUS, Caller, Proof, Role
from streamtime.access.rules import Access, VideoFacts, Visibility, decide, require
from streamtime.errors import Forbidden, NotFound

OWNER = Caller(user_id=1, name="owner", proof=Proof.COOKIE, proof_id=1)
MEMBER = Caller(user_id=2, name="member", proof=Proof.COOKIE, proof_id=2)
ADMIN = Caller(user_id=3, name="admin", role=Role.ADMIN, proof=Proof.BEARER, proof_id=3)

TABLE = {
    Visibility.PRIVATE: {ANONYMOUS: Access.NONE, MEMBER: Access.NONE},
    Visibility.MEMBERS: {ANONYMOUS: Access.NONE, MEMBER: Access.VIEW},
    Visibility.UNLISTED: {ANONYMOUS: Access.VIEW, MEMBER: Access.VIEW},
    Visibility.PUBLIC: {ANONYMOUS: Access.VIEW, MEMBER: Access.VIEW},
}


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("caller", [ANONYMOUS, MEMBER, OWNER, ADMIN], ids=["anonymous", "member", "owner", "admin"])
def test_the_table_of_rules(visibility: Visibility, caller: Caller) -> None:
    facts = VideoFacts(owner_id=1, visibility=visibility, deleted=False)
    assert decide(caller, facts) is TABLE[visibility].get(caller, Access.MANAGE)
    assert decide(caller, VideoFacts(owner_id=1, visibility=visibility, deleted=True)) is Access.NONE


def test_what_is_hidden_is_not_found_and_what_is_seen_is_forbidden() -> None:
    with pytest.raises(NotFound):
        require(MEMBER, VideoFacts(owner_id=1, visibility=Visibility.PRIVATE, deleted=False), Access.MANAGE)
    with pytest.raises(Forbidden):
        require(MEMBER, VideoFacts(owner_id=1, visibility=Visibility.PUBLIC, deleted=False), Access.MANAGE)

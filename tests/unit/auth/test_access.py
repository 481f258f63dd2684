"""Every caller, every visibility: one table."""

from dataclasses import replace

import pytest

from streamtime.auth.access import (
    ANONYMOUS,
    Access,
    AnonymousAccess,
    AuthMethod,
    Caller,
    Role,
    TokenScope,
    VideoAccessFacts,
    Visibility,
    access_level,
    may_restore,
    may_view_profile,
    require,
)
from streamtime.errors import Forbidden, NotFound

OWNER = Caller(user_id=1, name="owner", auth_method=AuthMethod.COOKIE, credential_id=1)
MEMBER = Caller(user_id=2, name="member", auth_method=AuthMethod.COOKIE, credential_id=2)
ADMIN = Caller(user_id=3, name="admin", role=Role.ADMIN, auth_method=AuthMethod.BEARER, credential_id=3)
VIEWER = Caller(user_id=4, name="viewer", role=Role.VIEWER, auth_method=AuthMethod.COOKIE, credential_id=4)
OUTSIDER = Caller(anonymous_access=AnonymousAccess.NOTHING)
LIMITED_ADMIN = replace(ADMIN, scope=TokenScope.UPLOAD)
ADMIN_TICKET = replace(ADMIN, auth_method=AuthMethod.TICKET, only_video="v")
OWNER_TICKET = replace(OWNER, auth_method=AuthMethod.TICKET, only_video="v")
LINK_TICKET = Caller(auth_method=AuthMethod.TICKET, only_video="v", granted=True)
OTHER_TICKETS = [replace(OWNER_TICKET, only_video="w"), replace(LINK_TICKET, only_video="w")]

NONE, VIEW, MANAGE = Access.NONE, Access.VIEW, Access.MANAGE
TABLE = [
    (ANONYMOUS, (NONE, NONE, VIEW, VIEW)),
    (OUTSIDER, (NONE, NONE, NONE, NONE)),
    (MEMBER, (NONE, VIEW, VIEW, VIEW)),
    (VIEWER, (NONE, VIEW, VIEW, VIEW)),
    (OWNER, (MANAGE, MANAGE, MANAGE, MANAGE)),
    (ADMIN, (MANAGE, MANAGE, MANAGE, MANAGE)),
    (LIMITED_ADMIN, (NONE, VIEW, VIEW, VIEW)),
    (OWNER_TICKET, (VIEW, VIEW, VIEW, VIEW)),
    (ADMIN_TICKET, (NONE, VIEW, VIEW, VIEW)),
    (LINK_TICKET, (VIEW, VIEW, VIEW, VIEW)),
    *((ticket, (NONE, NONE, NONE, NONE)) for ticket in OTHER_TICKETS),
]
"""What each may do with a private, a members', an unlisted and a public video of the owner's."""


def facts_of(visibility: Visibility, *, deleted: bool = False) -> VideoAccessFacts:
    return VideoAccessFacts(public_id="v", owner_id=1, visibility=visibility, deleted=deleted)


@pytest.mark.parametrize(("caller", "granted"), TABLE)
def test_the_table_of_rules(caller: Caller, granted: tuple[Access, ...]) -> None:
    assert tuple(access_level(caller, facts_of(visibility)) for visibility in Visibility) == granted
    assert {access_level(caller, facts_of(visibility, deleted=True)) for visibility in Visibility} == {NONE}


def test_what_is_hidden_is_not_found_and_what_is_seen_is_forbidden() -> None:
    with pytest.raises(NotFound):
        require(MEMBER, facts_of(Visibility.PRIVATE), Access.MANAGE)
    with pytest.raises(Forbidden):
        require(MEMBER, facts_of(Visibility.PUBLIC), Access.MANAGE)


def test_what_is_deleted_comes_back_for_its_owner_and_for_admins_alone() -> None:
    able = [caller for caller, _ in TABLE if may_restore(caller, facts_of(Visibility.PUBLIC, deleted=True))]
    assert able == [OWNER, ADMIN]


@pytest.mark.parametrize("held", list(TokenScope))
def test_a_scope_covers_those_before_it(held: TokenScope) -> None:
    assert [scope for scope in TokenScope if held.covers(scope)] == list(TokenScope)[: list(TokenScope).index(held) + 1]


def test_who_has_videos_of_their_own() -> None:
    able = [caller for caller, _ in TABLE if caller.may_upload]
    assert able == [MEMBER, OWNER, ADMIN, LIMITED_ADMIN]
    assert not replace(OWNER, scope=TokenScope.READ).may_upload


def test_people_are_known_to_people_and_to_strangers_whom_they_show_something() -> None:
    everybody = [caller for caller, _ in TABLE]
    by_all = [caller for caller in everybody if may_view_profile(caller, shows_something=False)]
    assert by_all == [MEMBER, VIEWER, OWNER, ADMIN, LIMITED_ADMIN]
    more = [caller for caller in everybody if may_view_profile(caller, shows_something=True)]
    assert more == [ANONYMOUS, *by_all]

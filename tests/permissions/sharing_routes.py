"""The rules of the routes that share with people and groups."""

from typing import Any

from tests.permissions.rules import (
    RouteRule,
    account_required,
    can_manage,
    everyone,
    library_required,
    own_group,
    own_watching,
)

VIDEO = "/api/v1/videos/{video:str}/grants"
PLAYLIST = "/api/v1/playlists/{playlist:str}/grants"
GRANTEE = "/{kind:str}/{grantee:str}"
GROUPS = "/api/v1/groups"
GROUP = GROUPS + "/{group:str}"
NAMED: dict[str, Any] = {"json": {"name": "Taken over"}}

SHARING_RULES: dict[str, dict[str, RouteRule]] = {
    "/api/v1/people": {"GET": RouteRule(account_required)},
    "/api/v1/me/shared": {"GET": RouteRule(account_required)},
    **{grants: {"GET": RouteRule(can_manage)} for grants in (VIDEO, PLAYLIST)},
    **{
        grants + GRANTEE: {
            "PUT": RouteRule(can_manage, {}, consumes=True),
            "DELETE": RouteRule(can_manage, {}, consumes=True),
        }
        for grants in (VIDEO, PLAYLIST)
    },
    "/library/share": {"POST": RouteRule(library_required, {"data": {"all": "yes"}})},
    "/upload/share": {"POST": RouteRule(everyone, {})},
    "/people-names": {"GET": RouteRule(account_required)},
    "/shared": {"GET": RouteRule(account_required)},
    **{
        page: {
            "GET": RouteRule(can_manage),
            "POST": RouteRule(can_manage, {"data": {"person": "named"}}, consumes=True),
        }
        for page in ("/watch/{video:str}/people", "/playlists/{playlist:str}/people")
    },
    "/api/v1/me/following": {"GET": RouteRule(account_required)},
    "/api/v1/me/following/videos": {"GET": RouteRule(account_required)},
    "/api/v1/me/following/{kind:str}/{subject:str}": {
        "PUT": RouteRule(account_required, {}, consumes=True),
        "DELETE": RouteRule(account_required, {}, consumes=True),
    },
    "/following": {"GET": RouteRule(account_required)},
    "/people/{person:str}/follow": {"POST": RouteRule(account_required, {"data": {"follow": "yes"}}, consumes=True)},
    "/playlists/{playlist:str}/follow": {"POST": RouteRule(own_watching, {"data": {"follow": "no"}}, consumes=True)},
    "/groups": {
        "GET": RouteRule(account_required),
        "POST": RouteRule(account_required, {"data": {"name": "Taken over"}}, consumes=True),
    },
    "/groups/{group:str}": {
        "GET": RouteRule(own_group),
        "POST": RouteRule(own_group, {"data": {"name": "Taken over"}}, consumes=True),
    },
    "/groups/{group:str}/delete": {
        "GET": RouteRule(own_group),
        "POST": RouteRule(own_group, {}, consumes=True),
    },
    GROUPS: {
        "GET": RouteRule(account_required),
        "POST": RouteRule(account_required, NAMED, consumes=True),
    },
    GROUP: {
        "GET": RouteRule(own_group),
        "PATCH": RouteRule(own_group, NAMED, consumes=True),
        "DELETE": RouteRule(own_group, {}, consumes=True),
    },
    GROUP + "/members/{person:str}": {
        "PUT": RouteRule(own_group, {}, consumes=True),
        "DELETE": RouteRule(own_group, {}, consumes=True),
    },
}

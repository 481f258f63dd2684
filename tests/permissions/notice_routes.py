"""The rules of the routes of notices, which are the caller's own."""

from tests.permissions.rules import RouteRule, account_required, everyone, own_resource

NOTICES = "/api/v1/me/notices"

NOTICE_RULES: dict[str, dict[str, RouteRule]] = {
    "/live": {"GET": RouteRule(everyone, {"params": {"topic": "library"}})},
    "/notices": {"GET": RouteRule(account_required)},
    "/notices/panel": {"GET": RouteRule(account_required)},
    "/notices/read": {"POST": RouteRule(account_required, {}, consumes=True)},
    "/settings/notices": {
        "GET": RouteRule(account_required),
        "POST": RouteRule(account_required, {}, consumes=True),
    },
    "/notices/{notice:str}/read": {"POST": RouteRule(own_resource, {}, consumes=True)},
    "/notices/{notice:str}/delete": {"POST": RouteRule(own_resource, {}, consumes=True)},
    NOTICES: {"GET": RouteRule(account_required)},
    NOTICES + "/unread": {"GET": RouteRule(account_required)},
    NOTICES + "/muted": {
        "GET": RouteRule(account_required),
        "PUT": RouteRule(account_required, {"json": {"muted": []}}, consumes=True),
    },
    NOTICES + "/read": {"POST": RouteRule(account_required, {}, consumes=True)},
    NOTICES + "/{notice:str}/read": {"POST": RouteRule(own_resource, {}, consumes=True)},
    NOTICES + "/{notice:str}": {"DELETE": RouteRule(own_resource, {}, consumes=True)},
}

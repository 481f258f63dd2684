"""The rules of the routes that edit the chapters, the poster and the versions of a video."""

from typing import Any

from tests.permissions.rules import RouteRule, can_manage, can_watch

VIDEO = "/api/v1/videos/{video:str}"
WATCH = "/watch/{video:str}"
CHAPTERS: dict[str, Any] = {"json": {"chapters": []}}
CUT: dict[str, Any] = {"json": {"parts": [{"start_ms": 0, "end_ms": 1000}]}}

EDITING_RULES: dict[str, dict[str, RouteRule]] = {
    WATCH + "/chapters": {"POST": RouteRule(can_manage, {"data": {"chapters": ""}}, consumes=True)},
    WATCH + "/poster": {"POST": RouteRule(can_manage, {"files": {"picture": ("a.jpg", b"none")}}, consumes=True)},
    WATCH + "/cut": {
        "GET": RouteRule(can_manage),
        "POST": RouteRule(can_manage, {"data": {"parts": "0:00 - 0:01"}}, consumes=True),
    },
    WATCH + "/rotate": {"POST": RouteRule(can_manage, {"data": {"degrees": "90"}}, consumes=True)},
    WATCH + "/versions": {
        "GET": RouteRule(can_manage),
        "POST": RouteRule(can_manage, {"data": {"action": "cancel"}}, exists_in=(), consumes=True),
    },
    VIDEO + "/chapters": {
        "GET": RouteRule(can_watch),
        "PUT": RouteRule(can_manage, CHAPTERS, consumes=True),
        "DELETE": RouteRule(can_manage, {}, consumes=True),
    },
    VIDEO + "/versions": {"GET": RouteRule(can_manage)},
    VIDEO + "/versions/pending": {"DELETE": RouteRule(can_manage, {}, exists_in=(), consumes=True)},
    VIDEO + "/versions/previous": {"DELETE": RouteRule(can_manage, {}, exists_in=(), consumes=True)},
    VIDEO + "/versions/previous/restore": {"POST": RouteRule(can_manage, {}, exists_in=(), consumes=True)},
    VIDEO + "/rotate": {"POST": RouteRule(can_manage, {"json": {"degrees": 90}}, consumes=True)},
    VIDEO + "/cut": {"POST": RouteRule(can_manage, CUT, consumes=True)},
    VIDEO + "/poster": {"PUT": RouteRule(can_manage, {"content": b"none"}, consumes=True)},
}

"""The expected rule of every route of the application. A route without one fails the test."""

from tests.permissions.editing_routes import EDITING_RULES
from tests.permissions.media_routes import KEPT, MEDIA, MOUNTS
from tests.permissions.notice_routes import NOTICE_RULES
from tests.permissions.rules import (
    RouteRule,
    account_required,
    admin_or_403,
    admin_or_404,
    can_manage,
    can_manage_or_404,
    can_restore,
    can_restore_or_404,
    can_watch,
    credentials_rejected,
    embedded,
    everyone,
    full_scope_required,
    library_required,
    own_archive,
    own_resource,
    own_upload,
    own_watching,
    owner_alone,
    profile_visible,
    upload_scope,
)
from tests.permissions.sharing_routes import SHARING_RULES

FORM = {"data": {"visibility": "public", "title": "Taken over", "next": "/library"}}
CAPTIONS = {"params": {"language": "fr"}, "content": b"1\n00:00:00,000 --> 00:00:01,000\nTaken over\n"}
CAPTIONS_FORM = {"data": {"language": "fr", "label": ""}, "files": {"file": ("a.srt", CAPTIONS["content"])}}
TUS = {"Tus-Resumable": "1.0.0"}
BEGIN = {"headers": {**TUS, "Upload-Length": "5"}}
APPEND = {
    "headers": {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
    "content": b"12345",
}

SECRET = "correct horse battery"
TOKEN_FORM = {"data": {"label": "mine", "scope": "admin"}}
PERSON_FORMS = {
    "role": {"role": "admin"},
    "quota": {"kind": "none", "gigabytes": ""},
    **{
        action: {}
        for action in ("disable", "enable", "approve", "sign-out", "password", "second-factor", "remove-picture")
    },
}

NEW_PLAYLIST = {"title": "Taken over", "visibility": "public"}
VIDEO = "/api/v1/videos/{video:str}"
PLAYLISTS = "/api/v1/playlists"
PLAYLIST = PLAYLISTS + "/{playlist:str}"
PLAYLIST_PAGE = "/playlists/{playlist:str}"
WATCH = "/watch/{video:str}"
ROUTE_RULES: dict[str, dict[str, RouteRule]] = {
    # public pages
    "/": {"GET": RouteRule(everyone)},
    "/explore": {"GET": RouteRule(everyone)},
    "/search": {"GET": RouteRule(everyone)},
    "/search/suggestions": {"GET": RouteRule(everyone)},
    "/tags": {"GET": RouteRule(everyone)},
    "/tags/{tag:path}": {"GET": RouteRule(everyone, exists_in=())},
    "/{at_owner:str}": {"GET": RouteRule(everyone)},
    "/feed.xml": {"GET": RouteRule(everyone)},
    "/{at_owner:str}/feed.xml": {"GET": RouteRule(everyone)},
    "/manifest.webmanifest": {"GET": RouteRule(everyone)},
    "/service-worker.js": {"GET": RouteRule(everyone)},
    "/offline": {"GET": RouteRule(everyone)},
    "/sitemap.xml": {"GET": RouteRule(everyone)},
    "/robots.txt": {"GET": RouteRule(everyone)},
    "/login": {
        "GET": RouteRule(everyone),
        "POST": RouteRule(credentials_rejected, {"data": {"name": "nobody", "password": "wrong"}}),
    },
    "/login/code": {
        "GET": RouteRule(account_required),
        "POST": RouteRule(credentials_rejected, {"data": {"code": "000000"}}),
    },
    "/language": {"POST": RouteRule(everyone, {"data": {"language": "en", "next": "/explore"}})},
    "/logout": {"POST": RouteRule(everyone, {}, ends_session=True)},
    # exist until the first account is created
    "/setup": {"GET": RouteRule(everyone, exists_in=()), "POST": RouteRule(everyone, FORM, exists_in=())},
    # exist if a provider is configured
    "/login/oidc": {"GET": RouteRule(everyone, exists_in=())},
    "/login/oidc/callback": {"GET": RouteRule(everyone, exists_in=())},
    "/settings/provider": {"GET": RouteRule(everyone, exists_in=()), "POST": RouteRule(everyone, {}, exists_in=())},
    "/settings/provider/disconnect": {"POST": RouteRule(everyone, {}, exists_in=())},
    # pages of an account
    "/library": {"GET": RouteRule(account_required)},
    "/history": {"GET": RouteRule(account_required)},
    "/watch-later": {"GET": RouteRule(account_required)},
    "/favourites": {"GET": RouteRule(account_required)},
    "/history/clear": {"POST": RouteRule(account_required, {}, consumes=True)},
    "/history/pause": {"POST": RouteRule(account_required, {}, consumes=True)},
    "/history/{video:str}/remove": {"POST": RouteRule(own_watching, {}, consumes=True)},
    "/library/bulk": {"POST": RouteRule(library_required, {"data": {}}, consumes=True)},
    "/library/download": {"POST": RouteRule(library_required, {"data": {"all": "yes"}})},
    "/library/filters": {"POST": RouteRule(account_required, {"data": {"name": "a"}}, consumes=True)},
    "/library/filters/new": {"GET": RouteRule(account_required)},
    "/library/filters/{saved:str}": {
        "GET": RouteRule(own_resource),
        "POST": RouteRule(own_resource, {"data": {"name": "a"}}, consumes=True),
    },
    "/library/filters/{saved:str}/delete": {"POST": RouteRule(own_resource, {}, consumes=True)},
    "/library/events": {"GET": RouteRule(account_required)},
    "/library/bin": {"GET": RouteRule(library_required)},
    "/library/bin/empty": {"GET": RouteRule(library_required), "POST": RouteRule(library_required, {}, consumes=True)},
    "/library/bin/{video:str}/restore": {"POST": RouteRule(can_restore, FORM, consumes=True)},
    "/library/bin/{video:str}/delete": {
        "GET": RouteRule(can_restore),
        "POST": RouteRule(can_restore, {}, consumes=True),
    },
    "/upload": {"GET": RouteRule(library_required)},
    "/settings/space": {"GET": RouteRule(library_required)},
    "/settings": {"GET": RouteRule(account_required)},
    "/settings/appearance": {
        "GET": RouteRule(account_required),
        "POST": RouteRule(account_required, {"data": {"theme": "dark"}}, consumes=True),
    },
    "/settings/profile": {
        "GET": RouteRule(full_scope_required),
        "POST": RouteRule(account_required, {}, consumes=True),
    },
    "/settings/picture": {"POST": RouteRule(account_required, {}, consumes=True)},
    "/settings/picture/remove": {"POST": RouteRule(account_required, {}, consumes=True)},
    "/settings/password": {
        "GET": RouteRule(full_scope_required),
        "POST": RouteRule(account_required, {}, consumes=True),
    },
    "/settings/second-factor": {
        "GET": RouteRule(full_scope_required),
        "POST": RouteRule(account_required, {}, consumes=True),
    },
    "/settings/account": {
        "GET": RouteRule(full_scope_required),
        "POST": RouteRule(account_required, {}, consumes=True),
    },
    "/settings/sessions": {"GET": RouteRule(full_scope_required)},
    "/settings/sessions/end-others": {"POST": RouteRule(account_required, {}, consumes=True)},
    "/settings/sessions/{session:str}/end": {"POST": RouteRule(own_resource, {}, consumes=True)},
    "/settings/tokens": {
        "GET": RouteRule(full_scope_required),
        "POST": RouteRule(account_required, TOKEN_FORM, consumes=True),
    },
    "/settings/tokens/{token:str}/revoke": {"POST": RouteRule(own_resource, {}, consumes=True)},
    "/settings/links": {"GET": RouteRule(account_required), "POST": RouteRule(account_required, {}, consumes=True)},
    "/settings/links/new": {"GET": RouteRule(account_required)},
    "/settings/links/{link:str}/revoke": {"POST": RouteRule(own_resource, {}, consumes=True)},
    "/settings/drops": {"GET": RouteRule(account_required), "POST": RouteRule(account_required, {}, consumes=True)},
    "/settings/drops/{drop:str}/revoke": {"POST": RouteRule(own_resource, {}, consumes=True)},
    # share links and upload requests
    "/s/{link:str}": {"GET": RouteRule(everyone), "POST": RouteRule(everyone, {})},
    "/drop/{drop:str}": {"GET": RouteRule(everyone)},
    "/embed/{video:str}": {"GET": RouteRule(embedded)},
    "/oembed": {"GET": RouteRule(embedded, {"params": {"url": "{server}/watch/{video}"}})},
    "/join/{token:str}": {"GET": RouteRule(everyone, exists_in=()), "POST": RouteRule(everyone, FORM, exists_in=())},
    "/register": {"GET": RouteRule(everyone, exists_in=()), "POST": RouteRule(everyone, FORM, exists_in=())},
    # pages of a video
    WATCH: {"GET": RouteRule(can_watch)},
    WATCH + "/visibility": {"POST": RouteRule(can_manage, FORM, consumes=True)},
    WATCH + "/retry": {"POST": RouteRule(can_manage, {}, consumes=True)},
    WATCH + "/edit": {"GET": RouteRule(can_manage), "POST": RouteRule(can_manage, FORM, consumes=True)},
    WATCH + "/captions": {"POST": RouteRule(can_manage, CAPTIONS_FORM, consumes=True)},
    WATCH + "/captions/{name:str}": {"POST": RouteRule(can_manage, CAPTIONS_FORM, exists_in=(), consumes=True)},
    WATCH + "/captions/{name:str}/delete": {
        "GET": RouteRule(can_manage, exists_in=()),
        "POST": RouteRule(can_manage, {}, exists_in=(), consumes=True),
    },
    **EDITING_RULES,
    **NOTICE_RULES,
    WATCH + "/again": {"POST": RouteRule(can_manage, {}, consumes=True)},
    WATCH + "/delete": {"GET": RouteRule(can_manage), "POST": RouteRule(can_manage, {}, consumes=True)},
    WATCH + "/share": {"GET": RouteRule(can_watch), "POST": RouteRule(can_manage, {}, consumes=True)},
    WATCH + "/embedding": {"POST": RouteRule(can_manage, {"data": {"embeddable": "yes"}}, consumes=True)},
    WATCH + "/elsewhere": {"GET": RouteRule(can_watch)},
    WATCH + "/related": {"GET": RouteRule(can_watch)},
    WATCH + "/keep": {"POST": RouteRule(can_manage, {}, consumes=True)},
    WATCH + "/history": {"GET": RouteRule(can_manage_or_404)},
    WATCH + "/history/{rung:str}": {"POST": RouteRule(can_manage, {}, exists_in=(), consumes=True)},
    WATCH + "/playlists": {
        "GET": RouteRule(own_watching),
        "POST": RouteRule(own_watching, {"data": NEW_PLAYLIST}, consumes=True),
    },
    WATCH + "/marks": {
        "GET": RouteRule(own_watching),
        "POST": RouteRule(own_watching, {"data": {"later": "yes", "watched": "yes"}}, consumes=True),
    },
    # pages of playlists, one for each visibility of videos
    "/playlists": {
        "GET": RouteRule(everyone),
        "POST": RouteRule(account_required, {"data": NEW_PLAYLIST}, consumes=True),
    },
    "/playlists/new": {"GET": RouteRule(account_required)},
    PLAYLIST_PAGE: {"GET": RouteRule(can_watch)},
    PLAYLIST_PAGE + "/share": {"GET": RouteRule(can_watch), "POST": RouteRule(owner_alone, {}, consumes=True)},
    PLAYLIST_PAGE + "/play": {"GET": RouteRule(can_watch)},
    PLAYLIST_PAGE + "/feed.xml": {"GET": RouteRule(can_watch)},
    "/playlist/{playlist:str}/feed.xml": {"GET": RouteRule(can_watch)},
    PLAYLIST_PAGE + "/queue": {"GET": RouteRule(can_watch, {"params": {"video": "{item}"}})},
    PLAYLIST_PAGE + "/edit": {
        "GET": RouteRule(can_manage),
        "POST": RouteRule(can_manage, {"data": NEW_PLAYLIST}, consumes=True),
    },
    PLAYLIST_PAGE + "/items": {"POST": RouteRule(can_manage, {"data": {}}, consumes=True)},
    PLAYLIST_PAGE + "/sort": {"POST": RouteRule(can_manage, {}, consumes=True)},
    PLAYLIST_PAGE + "/delete": {"GET": RouteRule(can_manage), "POST": RouteRule(can_manage, {}, consumes=True)},
    # pages for administrators
    "/admin": {"GET": RouteRule(admin_or_404)},
    "/admin/styleguide": {"GET": RouteRule(admin_or_404)},
    "/admin/space": {"GET": RouteRule(admin_or_404)},
    "/admin/jobs": {"GET": RouteRule(admin_or_404)},
    "/admin/jobs/events": {"GET": RouteRule(admin_or_404)},
    "/admin/jobs/{video:str}/cancel": {"POST": RouteRule(admin_or_404, {}, exists_in=KEPT, consumes=True)},
    "/admin/jobs/{video:str}/retry": {"POST": RouteRule(admin_or_404, {}, exists_in=KEPT, consumes=True)},
    "/admin/jobs/{video:str}/hurry": {"POST": RouteRule(admin_or_404, {}, exists_in=KEPT, consumes=True)},
    "/admin/storage": {"GET": RouteRule(admin_or_404)},
    "/admin/storage/{task:str}": {"POST": RouteRule(admin_or_404, {})},
    "/admin/storage/reservations/release": {
        "POST": RouteRule(admin_or_404, {"data": {"owner": "1", "drop": "", "received": "no"}})
    },
    "/admin/audit": {"GET": RouteRule(admin_or_404)},
    "/admin/settings": {
        "GET": RouteRule(admin_or_404),
        "POST": RouteRule(admin_or_404, {"data": {"storage.bin_days": "20"}}, consumes=True),
    },
    "/admin/people": {"GET": RouteRule(admin_or_404)},
    "/admin/people/new": {"GET": RouteRule(admin_or_404), "POST": RouteRule(admin_or_404, {}, consumes=True)},
    "/admin/people/{person:str}": {"GET": RouteRule(admin_or_404)},
    **{
        f"/admin/people/{{person:str}}/{action}": {"POST": RouteRule(admin_or_404, {"data": form}, consumes=True)}
        for action, form in PERSON_FORMS.items()
    },
    "/admin/people/{person:str}/delete": {
        "GET": RouteRule(admin_or_404),
        "POST": RouteRule(admin_or_404, {"data": {"videos": "delete", "heir": ""}}, consumes=True),
    },
    "/admin/people/invites": {"GET": RouteRule(admin_or_404), "POST": RouteRule(admin_or_404, {}, consumes=True)},
    "/admin/people/invites/{invite:str}/revoke": {"POST": RouteRule(admin_or_404, {}, exists_in=())},
    # the API
    "/api/v1/videos": {"GET": RouteRule(everyone)},
    "/api/v1/search": {"GET": RouteRule(everyone)},
    "/api/v1/videos/bulk": {
        "GET": RouteRule(account_required),
        # another's video is not found, and this one is public already
        "POST": RouteRule(
            account_required, {"json": {"action": "visibility", "videos": ["{video}"], "visibility": "public"}}
        ),
    },
    "/api/v1/videos/download": {"POST": RouteRule(own_archive, {"json": {"videos": ["{video}"]}}, exists_in=KEPT)},
    VIDEO: {
        "GET": RouteRule(can_watch),
        "PATCH": RouteRule(can_manage, {"json": {"title": "Taken over"}}, consumes=True),
        "DELETE": RouteRule(can_manage, {}, consumes=True),
    },
    PLAYLISTS: {
        "GET": RouteRule(everyone),
        "POST": RouteRule(account_required, {"json": NEW_PLAYLIST}, consumes=True),
    },
    PLAYLIST: {
        "GET": RouteRule(can_watch),
        "PATCH": RouteRule(can_manage, {"json": NEW_PLAYLIST}, consumes=True),
        "DELETE": RouteRule(can_manage, {}, consumes=True),
    },
    PLAYLIST + "/items": {
        "GET": RouteRule(can_watch),
        "POST": RouteRule(can_manage, {"json": {"video": "{video}"}}, consumes=True),
        "PUT": RouteRule(can_manage, {"json": {"videos": ["{item}"]}}, consumes=True),
    },
    PLAYLIST + "/items/{item:str}": {
        "PATCH": RouteRule(can_manage, {"json": {"position": 0}}, consumes=True),
        "DELETE": RouteRule(can_manage, {}, consumes=True),
    },
    PLAYLIST + "/sort": {"POST": RouteRule(can_manage, {}, consumes=True)},
    VIDEO + "/restore": {"POST": RouteRule(can_restore_or_404, {}, consumes=True)},
    VIDEO + "/keep": {"POST": RouteRule(can_manage, {}, consumes=True)},
    VIDEO + "/retry": {"POST": RouteRule(can_manage, {}, consumes=True)},
    VIDEO + "/position": {
        "GET": RouteRule(own_watching),
        "PUT": RouteRule(can_watch, {"json": {"position_ms": 1000}}, consumes=True),
    },
    VIDEO + "/captions": {"GET": RouteRule(can_watch), "POST": RouteRule(can_manage, CAPTIONS, consumes=True)},
    VIDEO + "/captions/{name:str}": {
        "PUT": RouteRule(can_manage, CAPTIONS, exists_in=(), consumes=True),
        "DELETE": RouteRule(can_manage, {}, exists_in=(), consumes=True),
    },
    VIDEO + "/related": {"GET": RouteRule(can_watch)},
    **SHARING_RULES,
    VIDEO + "/timeline": {"GET": RouteRule(can_manage_or_404)},
    "/api/v1/uploads": {"POST": RouteRule(upload_scope, BEGIN)},
    "/api/v1/uploads/{upload:str}": {
        "HEAD": RouteRule(own_upload, {"headers": TUS}),
        "PATCH": RouteRule(own_upload, APPEND, consumes=True),
        "DELETE": RouteRule(own_upload, {"headers": TUS}, consumes=True),
    },
    "/api/v1/auth/token": {
        "POST": RouteRule(credentials_rejected, {"json": {"username": "no-client", "password": "wrong"}})
    },
    "/api/v1/auth/revoke": {"POST": RouteRule(account_required, {}, ends_session=True)},
    "/api/v1/tokens": {
        "GET": RouteRule(full_scope_required),
        "POST": RouteRule(full_scope_required, {"json": {"label": "mine", "scope": "admin"}}, consumes=True),
    },
    "/api/v1/tokens/{token:str}": {"DELETE": RouteRule(own_resource, {}, consumes=True)},
    "/api/v1/links": {
        "GET": RouteRule(account_required),
        "POST": RouteRule(account_required, {"json": {"videos": ["none"]}}, consumes=True),
    },
    "/api/v1/links/{link:str}": {"DELETE": RouteRule(own_resource, {}, consumes=True)},
    "/api/v1/drops": {
        "GET": RouteRule(account_required),
        "POST": RouteRule(account_required, {"json": {"label": "mine"}}, consumes=True),
    },
    "/api/v1/drops/{drop:str}": {"DELETE": RouteRule(own_resource, {}, consumes=True)},
    "/api/v1/admin/status": {"GET": RouteRule(admin_or_403)},
    "/api/v1/admin/audit": {"GET": RouteRule(admin_or_403)},
    "/api/v1/admin/settings": {
        "GET": RouteRule(admin_or_403),
        "PATCH": RouteRule(admin_or_403, {"json": {"settings": {"storage.bin_days": "20"}}}, consumes=True),
    },
    "/api/v1/admin/users": {
        "GET": RouteRule(admin_or_403),
        "POST": RouteRule(admin_or_403, {"json": {"name": "made", "role": "admin", "password": SECRET}}, consumes=True),
    },
    "/api/v1/admin/users/{user:str}": {
        "PATCH": RouteRule(admin_or_403, {"json": {"role": "admin"}}, consumes=True),
        "DELETE": RouteRule(admin_or_403, {"params": {"videos": "delete"}}, consumes=True),
    },
    "/api/v1/admin/users/{user:str}/password": {"POST": RouteRule(admin_or_403, {}, consumes=True)},
    "/api/v1/admin/users/{user:str}/sign-out": {"POST": RouteRule(admin_or_403, {}, consumes=True)},
    "/api/v1/admin/users/{user:str}/picture": {"DELETE": RouteRule(admin_or_403, {}, consumes=True)},
    "/api/v1/me": {"GET": RouteRule(account_required)},
    "/api/v1/me/preferences": {
        "GET": RouteRule(account_required),
        "PATCH": RouteRule(account_required, {"json": {"theme": "dark"}}, consumes=True),
    },
    "/api/v1/me/picture": {
        "PUT": RouteRule(account_required, {"content": b"no picture"}, consumes=True),
        "DELETE": RouteRule(account_required, {}, consumes=True),
    },
    "/api/v1/me/history": {
        "GET": RouteRule(account_required),
        "PATCH": RouteRule(account_required, {"json": {"recording": "on"}}, consumes=True),
        "DELETE": RouteRule(account_required, {}, consumes=True),
    },
    "/api/v1/me/history/{video:str}": {"DELETE": RouteRule(own_watching, {}, consumes=True)},
    VIDEO + "/marks": {"GET": RouteRule(own_watching)},
    "/api/v1/me/watched/{video:str}": {
        "PUT": RouteRule(own_watching, {}, consumes=True),
        "DELETE": RouteRule(own_watching, {}, consumes=True),
    },
    **{
        f"/api/v1/me/{marks}{one}": rules
        for marks in ("watch-later", "favourites")
        for one, rules in {
            "": {"GET": RouteRule(account_required)},
            "/{video:str}": {
                "PUT": RouteRule(own_watching, {}, consumes=True),
                "DELETE": RouteRule(own_watching, {}, consumes=True),
            },
        }.items()
    },
    "/api/v1/me/filters": {
        "GET": RouteRule(account_required),
        "POST": RouteRule(account_required, {"json": {"name": "a", "query": ""}}, consumes=True),
    },
    "/api/v1/me/filters/{saved:str}": {
        "PATCH": RouteRule(own_resource, {"json": {"name": "a"}}, consumes=True),
        "DELETE": RouteRule(own_resource, {}, consumes=True),
    },
    "/api/v1/me/usage": {"GET": RouteRule(account_required)},
    "/api/v1/usage": {"GET": RouteRule(admin_or_403)},
    "/api/v1/upload-config": {"GET": RouteRule(everyone)},
    "/api/v1/events": {"GET": RouteRule(can_watch, {"params": {"video": "{video}"}})},
    "/api/docs": {"GET": RouteRule(everyone)},
    "/api/docs/{tag:str}": {"GET": RouteRule(everyone)},
    "/api": {"GET": RouteRule(everyone)},
    "/api/openapi.json": {"GET": RouteRule(everyone)},
    "/api/{path:str}": {"GET": RouteRule(everyone)},
    # files, health, metrics
    "/people/{person:str}/{picture:str}": {"GET": RouteRule(profile_visible)},
    "/assets/{name:path}": {"GET": RouteRule(everyone)},
    "/favicon.ico": {"GET": RouteRule(everyone)},
    "/healthz": {"GET": RouteRule(everyone)},
    "/readyz": {"GET": RouteRule(everyone)},
    "/metrics": {"GET": RouteRule(everyone)},
    **{
        mount + template: {"GET": RouteRule(rule, exists_in=exists_in)}
        for mount, rule in MOUNTS
        for template, exists_in in MEDIA.items()
    },
}


def rule_for(template: str, method: str) -> RouteRule | None:
    """The rule of a route, or None if the table has none. HEAD is as GET unless it has its own rule."""
    methods = ROUTE_RULES.get(template, {})
    return methods.get(method) or (methods.get("GET") if method == "HEAD" else None)

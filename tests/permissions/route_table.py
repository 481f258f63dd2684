"""The table of doors: what every route of the application is for. A route that is not here fails the build."""

from tests.permissions.rules import (
    RouteRule,
    administering,
    administering_told,
    anybody,
    by_ticket,
    framing,
    having_videos,
    knowing,
    managing,
    managing_access,
    managing_unseen,
    own_thing,
    own_upload,
    proving,
    undoing,
    undoing_unseen,
    uploading,
    viewing,
    with_account,
)

PLAYABLE = ("private", "members", "unlisted", "public", "processing")
"""States in which there is something to play; the processing one can be watched already."""

READY = ("private", "members", "unlisted", "public")
KEPT = (*READY, "processing", "failed")
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
        deed: {} for deed in ("disable", "enable", "approve", "sign-out", "password", "second-factor", "remove-picture")
    },
}

VIDEO = "/api/v1/videos/{video:str}"
WATCH = "/watch/{video:str}"
MEDIA: dict[str, tuple[str, ...]] = {
    "/{video}/master.m3u8": PLAYABLE,
    "/{video}/original": KEPT,
    "/{video}/{generation}/{rendition}/{number}.m4s": PLAYABLE,
    "/{video}/{generation}/{rendition}/playlist.m3u8": PLAYABLE,
    "/{video}/{generation}/{rendition}/init.mp4": PLAYABLE,
    "/{video}/{generation}/{rendition}/iframes.m3u8": PLAYABLE,
    "/{video}/{generation}/{rendition}/rendition.mp4": PLAYABLE,
    "/{video}/{generation}/poster.jpg": PLAYABLE,
    "/{video}/{generation}/captions/{captions}.m3u8": PLAYABLE,
    "/{video}/{generation}/captions/{captions}.vtt": PLAYABLE,
    "/{video}/{generation}/chapters.vtt": PLAYABLE,
    "/{video}/{generation}/storyboard.vtt": PLAYABLE,
    "/{video}/{generation}/storyboard-{number}.jpg": PLAYABLE,
    "/{video}/{generation}/preview.mp4": PLAYABLE,
}
"""What there is of a video, and in which states; the same by a ticket."""

MOUNTS = (("/media", viewing), ("/t/{ticket}/media", by_ticket))

ROUTE_RULES: dict[str, dict[str, RouteRule]] = {
    # pages for whoever comes
    "/": {"GET": RouteRule(anybody)},
    "/explore": {"GET": RouteRule(anybody)},
    "/{at_owner:str}": {"GET": RouteRule(anybody)},
    "/login": {
        "GET": RouteRule(anybody),
        "POST": RouteRule(proving, {"data": {"name": "nobody", "password": "wrong"}}),
    },
    "/login/code": {"GET": RouteRule(with_account), "POST": RouteRule(proving, {"data": {"code": "000000"}})},
    "/logout": {"POST": RouteRule(anybody, {}, ends=True)},
    # there until the first account is made
    "/setup": {"GET": RouteRule(anybody, having=()), "POST": RouteRule(anybody, FORM, having=())},
    # there where a provider is configured
    "/login/oidc": {"GET": RouteRule(anybody, having=())},
    "/login/oidc/callback": {"GET": RouteRule(anybody, having=())},
    "/settings/provider": {"GET": RouteRule(anybody, having=()), "POST": RouteRule(anybody, {}, having=())},
    "/settings/provider/disconnect": {"POST": RouteRule(anybody, {}, having=())},
    # what belongs to an account
    "/library": {"GET": RouteRule(with_account)},
    "/library/events": {"GET": RouteRule(with_account)},
    "/library/bin": {"GET": RouteRule(having_videos)},
    "/library/bin/empty": {"GET": RouteRule(having_videos), "POST": RouteRule(having_videos, {}, spends=True)},
    "/library/bin/{video:str}/restore": {"POST": RouteRule(undoing, FORM, spends=True)},
    "/library/bin/{video:str}/delete": {"GET": RouteRule(undoing), "POST": RouteRule(undoing, {}, spends=True)},
    "/upload": {"GET": RouteRule(having_videos)},
    "/settings/space": {"GET": RouteRule(having_videos)},
    "/settings/profile": {"GET": RouteRule(managing_access), "POST": RouteRule(with_account, {}, spends=True)},
    "/settings/picture": {"POST": RouteRule(with_account, {}, spends=True)},
    "/settings/picture/remove": {"POST": RouteRule(with_account, {}, spends=True)},
    "/settings/password": {"GET": RouteRule(managing_access), "POST": RouteRule(with_account, {}, spends=True)},
    "/settings/second-factor": {"GET": RouteRule(managing_access), "POST": RouteRule(with_account, {}, spends=True)},
    "/settings/account": {"GET": RouteRule(managing_access), "POST": RouteRule(with_account, {}, spends=True)},
    "/settings/sessions": {"GET": RouteRule(managing_access)},
    "/settings/sessions/end-others": {"POST": RouteRule(with_account, {}, spends=True)},
    "/settings/sessions/{session:str}/end": {"POST": RouteRule(own_thing, {}, spends=True)},
    "/settings/tokens": {"GET": RouteRule(managing_access), "POST": RouteRule(with_account, TOKEN_FORM, spends=True)},
    "/settings/tokens/{token:str}/revoke": {"POST": RouteRule(own_thing, {}, spends=True)},
    "/settings/links": {"GET": RouteRule(with_account), "POST": RouteRule(with_account, {}, spends=True)},
    "/settings/links/new": {"GET": RouteRule(with_account)},
    "/settings/links/{link:str}/revoke": {"POST": RouteRule(own_thing, {}, spends=True)},
    "/settings/drops": {"GET": RouteRule(with_account), "POST": RouteRule(with_account, {}, spends=True)},
    "/settings/drops/{drop:str}/revoke": {"POST": RouteRule(own_thing, {}, spends=True)},
    # what strangers were given
    "/s/{link:str}": {"GET": RouteRule(anybody), "POST": RouteRule(anybody, {})},
    "/drop/{drop:str}": {"GET": RouteRule(anybody)},
    "/embed/{video:str}": {"GET": RouteRule(framing)},
    "/oembed": {"GET": RouteRule(framing, {"params": {"url": "{house}/watch/{video}"}})},
    "/join/{token:str}": {"GET": RouteRule(anybody, having=()), "POST": RouteRule(anybody, FORM, having=())},
    "/register": {"GET": RouteRule(anybody, having=()), "POST": RouteRule(anybody, FORM, having=())},
    # a video's pages
    WATCH: {"GET": RouteRule(viewing)},
    WATCH + "/visibility": {"POST": RouteRule(managing, FORM, spends=True)},
    WATCH + "/retry": {"POST": RouteRule(managing, {}, spends=True)},
    WATCH + "/edit": {"GET": RouteRule(managing), "POST": RouteRule(managing, FORM, spends=True)},
    WATCH + "/captions": {"POST": RouteRule(managing, CAPTIONS_FORM, spends=True)},
    WATCH + "/captions/{name:str}": {"POST": RouteRule(managing, CAPTIONS_FORM, having=(), spends=True)},
    WATCH + "/captions/{name:str}/delete": {
        "GET": RouteRule(managing, having=()),
        "POST": RouteRule(managing, {}, having=(), spends=True),
    },
    WATCH + "/again": {"POST": RouteRule(managing, {}, spends=True)},
    WATCH + "/delete": {"GET": RouteRule(managing), "POST": RouteRule(managing, {}, spends=True)},
    WATCH + "/share": {"GET": RouteRule(viewing), "POST": RouteRule(managing, {}, spends=True)},
    WATCH + "/embedding": {"POST": RouteRule(managing, {"data": {"embeddable": "yes"}}, spends=True)},
    WATCH + "/elsewhere": {"GET": RouteRule(viewing)},
    WATCH + "/keep": {"POST": RouteRule(managing, {}, spends=True)},
    WATCH + "/history": {"GET": RouteRule(managing_unseen)},
    WATCH + "/history/{rung:str}": {"POST": RouteRule(managing, {}, having=(), spends=True)},
    # what belongs to those who run the server
    "/admin/space": {"GET": RouteRule(administering)},
    "/admin/jobs": {"GET": RouteRule(administering)},
    "/admin/jobs/events": {"GET": RouteRule(administering)},
    "/admin/jobs/{video:str}/cancel": {"POST": RouteRule(administering, {}, having=KEPT, spends=True)},
    "/admin/jobs/{video:str}/retry": {"POST": RouteRule(administering, {}, having=KEPT, spends=True)},
    "/admin/jobs/{video:str}/hurry": {"POST": RouteRule(administering, {}, having=KEPT, spends=True)},
    "/admin/storage": {"GET": RouteRule(administering)},
    "/admin/storage/{task:str}": {"POST": RouteRule(administering, {})},
    "/admin/storage/reservations/release": {
        "POST": RouteRule(administering, {"data": {"owner": "1", "drop": "", "received": "no"}})
    },
    "/admin/audit": {"GET": RouteRule(administering)},
    "/admin/people": {"GET": RouteRule(administering)},
    "/admin/people/new": {"GET": RouteRule(administering), "POST": RouteRule(administering, {}, spends=True)},
    "/admin/people/{person:str}": {"GET": RouteRule(administering)},
    **{
        f"/admin/people/{{person:str}}/{deed}": {"POST": RouteRule(administering, {"data": form}, spends=True)}
        for deed, form in PERSON_FORMS.items()
    },
    "/admin/people/{person:str}/delete": {
        "GET": RouteRule(administering),
        "POST": RouteRule(administering, {"data": {"videos": "delete", "heir": ""}}, spends=True),
    },
    "/admin/people/invites": {"GET": RouteRule(administering), "POST": RouteRule(administering, {}, spends=True)},
    "/admin/people/invites/{invite:str}/revoke": {"POST": RouteRule(administering, {}, having=())},
    # the API
    "/api/v1/videos": {"GET": RouteRule(anybody)},
    VIDEO: {
        "GET": RouteRule(viewing),
        "PATCH": RouteRule(managing, {"json": {"title": "Taken over"}}, spends=True),
        "DELETE": RouteRule(managing, {}, spends=True),
    },
    VIDEO + "/restore": {"POST": RouteRule(undoing_unseen, {}, spends=True)},
    VIDEO + "/keep": {"POST": RouteRule(managing, {}, spends=True)},
    VIDEO + "/retry": {"POST": RouteRule(managing, {}, spends=True)},
    VIDEO + "/captions": {"GET": RouteRule(viewing), "POST": RouteRule(managing, CAPTIONS, spends=True)},
    VIDEO + "/captions/{name:str}": {
        "PUT": RouteRule(managing, CAPTIONS, having=(), spends=True),
        "DELETE": RouteRule(managing, {}, having=(), spends=True),
    },
    VIDEO + "/timeline": {"GET": RouteRule(managing_unseen)},
    "/api/v1/uploads": {"POST": RouteRule(uploading, BEGIN)},
    "/api/v1/uploads/{upload:str}": {
        "HEAD": RouteRule(own_upload, {"headers": TUS}),
        "PATCH": RouteRule(own_upload, APPEND, spends=True),
        "DELETE": RouteRule(own_upload, {"headers": TUS}, spends=True),
    },
    "/api/v1/auth/token": {"POST": RouteRule(proving, {"json": {"username": "no-client", "password": "wrong"}})},
    "/api/v1/auth/revoke": {"POST": RouteRule(with_account, {}, ends=True)},
    "/api/v1/tokens": {
        "GET": RouteRule(managing_access),
        "POST": RouteRule(managing_access, {"json": {"label": "mine", "scope": "admin"}}, spends=True),
    },
    "/api/v1/tokens/{token:str}": {"DELETE": RouteRule(own_thing, {}, spends=True)},
    "/api/v1/links": {
        "GET": RouteRule(with_account),
        "POST": RouteRule(with_account, {"json": {"videos": ["none"]}}, spends=True),
    },
    "/api/v1/links/{link:str}": {"DELETE": RouteRule(own_thing, {}, spends=True)},
    "/api/v1/drops": {
        "GET": RouteRule(with_account),
        "POST": RouteRule(with_account, {"json": {"label": "mine"}}, spends=True),
    },
    "/api/v1/drops/{drop:str}": {"DELETE": RouteRule(own_thing, {}, spends=True)},
    "/api/v1/admin/audit": {"GET": RouteRule(administering_told)},
    "/api/v1/admin/users": {
        "GET": RouteRule(administering_told),
        "POST": RouteRule(
            administering_told, {"json": {"name": "made", "role": "admin", "password": SECRET}}, spends=True
        ),
    },
    "/api/v1/admin/users/{user:str}": {
        "PATCH": RouteRule(administering_told, {"json": {"role": "admin"}}, spends=True),
        "DELETE": RouteRule(administering_told, {"params": {"videos": "delete"}}, spends=True),
    },
    "/api/v1/admin/users/{user:str}/password": {"POST": RouteRule(administering_told, {}, spends=True)},
    "/api/v1/admin/users/{user:str}/sign-out": {"POST": RouteRule(administering_told, {}, spends=True)},
    "/api/v1/admin/users/{user:str}/picture": {"DELETE": RouteRule(administering_told, {}, spends=True)},
    "/api/v1/me": {"GET": RouteRule(with_account)},
    "/api/v1/me/picture": {
        "PUT": RouteRule(with_account, {"content": b"no picture"}, spends=True),
        "DELETE": RouteRule(with_account, {}, spends=True),
    },
    "/api/v1/me/usage": {"GET": RouteRule(with_account)},
    "/api/v1/usage": {"GET": RouteRule(administering_told)},
    "/api/v1/upload-config": {"GET": RouteRule(anybody)},
    "/api/v1/events": {"GET": RouteRule(viewing, {"params": {"video": "{video}"}})},
    "/api/docs": {"GET": RouteRule(anybody)},
    "/api/docs/{tag:str}": {"GET": RouteRule(anybody)},
    "/api": {"GET": RouteRule(anybody)},
    "/api/openapi.json": {"GET": RouteRule(anybody)},
    "/api/{path:str}": {"GET": RouteRule(anybody)},
    # files and machines
    "/people/{person:str}/{picture:str}": {"GET": RouteRule(knowing)},
    "/assets/{name:path}": {"GET": RouteRule(anybody)},
    "/favicon.ico": {"GET": RouteRule(anybody)},
    "/healthz": {"GET": RouteRule(anybody)},
    "/readyz": {"GET": RouteRule(anybody)},
    "/metrics": {"GET": RouteRule(anybody)},
    **{
        mount + template: {"GET": RouteRule(rule, having=having)}
        for mount, rule in MOUNTS
        for template, having in MEDIA.items()
    },
}


def rule_for(template: str, method: str) -> RouteRule | None:
    """What a route is for, or None where the table does not say. HEAD is as GET, where nothing else is said."""
    methods = ROUTE_RULES.get(template, {})
    return methods.get(method) or (methods.get("GET") if method == "HEAD" else None)

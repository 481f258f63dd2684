"""The table of doors: what every route of the application is for. A route that is not here fails the build."""

from tests.permissions.rules import (
    Door,
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

DOORS: dict[str, dict[str, Door]] = {
    # pages for whoever comes
    "/": {"GET": Door(anybody)},
    "/explore": {"GET": Door(anybody)},
    "/{at_owner:str}": {"GET": Door(anybody)},
    "/login": {"GET": Door(anybody), "POST": Door(proving, {"data": {"name": "nobody", "password": "wrong"}})},
    "/login/code": {"GET": Door(with_account), "POST": Door(proving, {"data": {"code": "000000"}})},
    "/logout": {"POST": Door(anybody, {}, ends=True)},
    # there until the first account is made
    "/setup": {"GET": Door(anybody, having=()), "POST": Door(anybody, FORM, having=())},
    # there where a provider is configured
    "/login/oidc": {"GET": Door(anybody, having=())},
    "/login/oidc/callback": {"GET": Door(anybody, having=())},
    "/settings/provider": {"GET": Door(anybody, having=()), "POST": Door(anybody, {}, having=())},
    "/settings/provider/disconnect": {"POST": Door(anybody, {}, having=())},
    # what belongs to an account
    "/library": {"GET": Door(with_account)},
    "/library/events": {"GET": Door(with_account)},
    "/library/bin": {"GET": Door(having_videos)},
    "/library/bin/empty": {"GET": Door(having_videos), "POST": Door(having_videos, {}, spends=True)},
    "/library/bin/{video:str}/restore": {"POST": Door(undoing, FORM, spends=True)},
    "/library/bin/{video:str}/delete": {"GET": Door(undoing), "POST": Door(undoing, {}, spends=True)},
    "/upload": {"GET": Door(having_videos)},
    "/settings/space": {"GET": Door(having_videos)},
    "/settings/profile": {"GET": Door(managing_access), "POST": Door(with_account, {}, spends=True)},
    "/settings/picture": {"POST": Door(with_account, {}, spends=True)},
    "/settings/picture/remove": {"POST": Door(with_account, {}, spends=True)},
    "/settings/password": {"GET": Door(managing_access), "POST": Door(with_account, {}, spends=True)},
    "/settings/second-factor": {"GET": Door(managing_access), "POST": Door(with_account, {}, spends=True)},
    "/settings/account": {"GET": Door(managing_access), "POST": Door(with_account, {}, spends=True)},
    "/settings/sessions": {"GET": Door(managing_access)},
    "/settings/sessions/end-others": {"POST": Door(with_account, {}, spends=True)},
    "/settings/sessions/{session:str}/end": {"POST": Door(own_thing, {}, spends=True)},
    "/settings/tokens": {"GET": Door(managing_access), "POST": Door(with_account, TOKEN_FORM, spends=True)},
    "/settings/tokens/{token:str}/revoke": {"POST": Door(own_thing, {}, spends=True)},
    "/settings/links": {"GET": Door(with_account), "POST": Door(with_account, {}, spends=True)},
    "/settings/links/new": {"GET": Door(with_account)},
    "/settings/links/{link:str}/revoke": {"POST": Door(own_thing, {}, spends=True)},
    "/settings/drops": {"GET": Door(with_account), "POST": Door(with_account, {}, spends=True)},
    "/settings/drops/{drop:str}/revoke": {"POST": Door(own_thing, {}, spends=True)},
    # what strangers were given
    "/s/{link:str}": {"GET": Door(anybody), "POST": Door(anybody, {})},
    "/drop/{drop:str}": {"GET": Door(anybody)},
    "/embed/{video:str}": {"GET": Door(framing)},
    "/oembed": {"GET": Door(framing, {"params": {"url": "{house}/watch/{video}"}})},
    "/join/{token:str}": {"GET": Door(anybody, having=()), "POST": Door(anybody, FORM, having=())},
    "/register": {"GET": Door(anybody, having=()), "POST": Door(anybody, FORM, having=())},
    # a video's pages
    WATCH: {"GET": Door(viewing)},
    WATCH + "/visibility": {"POST": Door(managing, FORM, spends=True)},
    WATCH + "/retry": {"POST": Door(managing, {}, spends=True)},
    WATCH + "/edit": {"GET": Door(managing), "POST": Door(managing, FORM, spends=True)},
    WATCH + "/captions": {"POST": Door(managing, CAPTIONS_FORM, spends=True)},
    WATCH + "/captions/{name:str}": {"POST": Door(managing, CAPTIONS_FORM, having=(), spends=True)},
    WATCH + "/captions/{name:str}/delete": {
        "GET": Door(managing, having=()),
        "POST": Door(managing, {}, having=(), spends=True),
    },
    WATCH + "/again": {"POST": Door(managing, {}, spends=True)},
    WATCH + "/delete": {"GET": Door(managing), "POST": Door(managing, {}, spends=True)},
    WATCH + "/share": {"GET": Door(viewing), "POST": Door(managing, {}, spends=True)},
    WATCH + "/embedding": {"POST": Door(managing, {"data": {"embeddable": "yes"}}, spends=True)},
    WATCH + "/elsewhere": {"GET": Door(viewing)},
    WATCH + "/keep": {"POST": Door(managing, {}, spends=True)},
    WATCH + "/history": {"GET": Door(managing_unseen)},
    WATCH + "/history/{rung:str}": {"POST": Door(managing, {}, having=(), spends=True)},
    # what belongs to those who run the server
    "/admin/space": {"GET": Door(administering)},
    "/admin/jobs": {"GET": Door(administering)},
    "/admin/jobs/events": {"GET": Door(administering)},
    "/admin/jobs/{video:str}/cancel": {"POST": Door(administering, {}, having=KEPT, spends=True)},
    "/admin/jobs/{video:str}/retry": {"POST": Door(administering, {}, having=KEPT, spends=True)},
    "/admin/jobs/{video:str}/hurry": {"POST": Door(administering, {}, having=KEPT, spends=True)},
    "/admin/storage": {"GET": Door(administering)},
    "/admin/storage/{task:str}": {"POST": Door(administering, {})},
    "/admin/storage/reservations/release": {
        "POST": Door(administering, {"data": {"owner": "1", "drop": "", "received": "no"}})
    },
    "/admin/audit": {"GET": Door(administering)},
    "/admin/people": {"GET": Door(administering)},
    "/admin/people/new": {"GET": Door(administering), "POST": Door(administering, {}, spends=True)},
    "/admin/people/{person:str}": {"GET": Door(administering)},
    **{
        f"/admin/people/{{person:str}}/{deed}": {"POST": Door(administering, {"data": form}, spends=True)}
        for deed, form in PERSON_FORMS.items()
    },
    "/admin/people/{person:str}/delete": {
        "GET": Door(administering),
        "POST": Door(administering, {"data": {"videos": "delete", "heir": ""}}, spends=True),
    },
    "/admin/people/invites": {"GET": Door(administering), "POST": Door(administering, {}, spends=True)},
    "/admin/people/invites/{invite:str}/revoke": {"POST": Door(administering, {}, having=())},
    # the API
    "/api/v1/videos": {"GET": Door(anybody)},
    VIDEO: {
        "GET": Door(viewing),
        "PATCH": Door(managing, {"json": {"title": "Taken over"}}, spends=True),
        "DELETE": Door(managing, {}, spends=True),
    },
    VIDEO + "/restore": {"POST": Door(undoing_unseen, {}, spends=True)},
    VIDEO + "/keep": {"POST": Door(managing, {}, spends=True)},
    VIDEO + "/retry": {"POST": Door(managing, {}, spends=True)},
    VIDEO + "/captions": {"GET": Door(viewing), "POST": Door(managing, CAPTIONS, spends=True)},
    VIDEO + "/captions/{name:str}": {
        "PUT": Door(managing, CAPTIONS, having=(), spends=True),
        "DELETE": Door(managing, {}, having=(), spends=True),
    },
    VIDEO + "/timeline": {"GET": Door(managing_unseen)},
    "/api/v1/uploads": {"POST": Door(uploading, BEGIN)},
    "/api/v1/uploads/{upload:str}": {
        "HEAD": Door(own_upload, {"headers": TUS}),
        "PATCH": Door(own_upload, APPEND, spends=True),
        "DELETE": Door(own_upload, {"headers": TUS}, spends=True),
    },
    "/api/v1/auth/token": {"POST": Door(proving, {"json": {"username": "no-client", "password": "wrong"}})},
    "/api/v1/auth/revoke": {"POST": Door(with_account, {}, ends=True)},
    "/api/v1/tokens": {
        "GET": Door(managing_access),
        "POST": Door(managing_access, {"json": {"label": "mine", "scope": "admin"}}, spends=True),
    },
    "/api/v1/tokens/{token:str}": {"DELETE": Door(own_thing, {}, spends=True)},
    "/api/v1/links": {
        "GET": Door(with_account),
        "POST": Door(with_account, {"json": {"videos": ["none"]}}, spends=True),
    },
    "/api/v1/links/{link:str}": {"DELETE": Door(own_thing, {}, spends=True)},
    "/api/v1/drops": {"GET": Door(with_account), "POST": Door(with_account, {"json": {"label": "mine"}}, spends=True)},
    "/api/v1/drops/{drop:str}": {"DELETE": Door(own_thing, {}, spends=True)},
    "/api/v1/admin/audit": {"GET": Door(administering_told)},
    "/api/v1/admin/users": {
        "GET": Door(administering_told),
        "POST": Door(administering_told, {"json": {"name": "made", "role": "admin", "password": SECRET}}, spends=True),
    },
    "/api/v1/admin/users/{user:str}": {
        "PATCH": Door(administering_told, {"json": {"role": "admin"}}, spends=True),
        "DELETE": Door(administering_told, {"params": {"videos": "delete"}}, spends=True),
    },
    "/api/v1/admin/users/{user:str}/password": {"POST": Door(administering_told, {}, spends=True)},
    "/api/v1/admin/users/{user:str}/sign-out": {"POST": Door(administering_told, {}, spends=True)},
    "/api/v1/admin/users/{user:str}/picture": {"DELETE": Door(administering_told, {}, spends=True)},
    "/api/v1/me": {"GET": Door(with_account)},
    "/api/v1/me/picture": {
        "PUT": Door(with_account, {"content": b"no picture"}, spends=True),
        "DELETE": Door(with_account, {}, spends=True),
    },
    "/api/v1/me/usage": {"GET": Door(with_account)},
    "/api/v1/usage": {"GET": Door(administering_told)},
    "/api/v1/upload-config": {"GET": Door(anybody)},
    "/api/v1/events": {"GET": Door(viewing, {"params": {"video": "{video}"}})},
    "/api/docs": {"GET": Door(anybody)},
    "/api/docs/{tag:str}": {"GET": Door(anybody)},
    "/api": {"GET": Door(anybody)},
    "/api/openapi.json": {"GET": Door(anybody)},
    "/api/{path:str}": {"GET": Door(anybody)},
    # files and machines
    "/people/{person:str}/{picture:str}": {"GET": Door(knowing)},
    "/assets/{name:path}": {"GET": Door(anybody)},
    "/favicon.ico": {"GET": Door(anybody)},
    "/healthz": {"GET": Door(anybody)},
    "/readyz": {"GET": Door(anybody)},
    "/metrics": {"GET": Door(anybody)},
    **{
        mount + template: {"GET": Door(rule, having=having)}
        for mount, rule in MOUNTS
        for template, having in MEDIA.items()
    },
}


def door_of(template: str, method: str) -> Door | None:
    """What a route is for, or None where the table does not say. HEAD is as GET, where nothing else is said."""
    methods = DOORS.get(template, {})
    return methods.get(method) or (methods.get("GET") if method == "HEAD" else None)

"""The table of doors: what every route of the application is for. A route that is not here fails the build."""

from tests.permissions.rules import (
    Door,
    administering,
    administering_told,
    anybody,
    managing,
    managing_unseen,
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

VIDEO = "/api/v1/videos/{video:str}"
WATCH = "/watch/{video:str}"
MEDIA = "/media/{video}/{generation}"

DOORS: dict[str, dict[str, Door]] = {
    # pages for whoever comes
    "/": {"GET": Door(anybody)},
    "/explore": {"GET": Door(anybody)},
    "/{at_owner:str}": {"GET": Door(anybody)},
    "/login": {"GET": Door(anybody), "POST": Door(proving, {"data": {"name": "nobody", "password": "wrong"}})},
    "/logout": {"POST": Door(anybody, {}, ends=True)},
    # there until the first account is made
    "/setup": {"GET": Door(anybody, having=()), "POST": Door(anybody, FORM, having=())},
    # what belongs to an account
    "/library": {"GET": Door(with_account)},
    "/library/events": {"GET": Door(with_account)},
    "/library/bin": {"GET": Door(with_account)},
    "/library/bin/empty": {"GET": Door(with_account), "POST": Door(with_account, {}, spends=True)},
    "/library/bin/{video:str}/restore": {"POST": Door(undoing, FORM, spends=True)},
    "/library/bin/{video:str}/delete": {"GET": Door(undoing), "POST": Door(undoing, {}, spends=True)},
    "/upload": {"GET": Door(with_account)},
    "/settings/space": {"GET": Door(with_account)},
    # a video's pages
    WATCH: {"GET": Door(viewing)},
    WATCH + "/visibility": {"POST": Door(managing, FORM, spends=True)},
    WATCH + "/retry": {"POST": Door(managing, {}, spends=True)},
    WATCH + "/edit": {"GET": Door(managing), "POST": Door(managing, FORM, spends=True)},
    WATCH + "/captions": {"POST": Door(managing, CAPTIONS_FORM, spends=True)},
    WATCH + "/captions/{name:str}": {"POST": Door(managing, CAPTIONS_FORM, having=(), spends=True)},
    WATCH + "/captions/{name:str}/delete": {"POST": Door(managing, {}, having=(), spends=True)},
    WATCH + "/again": {"POST": Door(managing, {}, spends=True)},
    WATCH + "/delete": {"GET": Door(managing), "POST": Door(managing, {}, spends=True)},
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
    "/api/v1/me": {"GET": Door(with_account)},
    "/api/v1/me/usage": {"GET": Door(with_account)},
    "/api/v1/usage": {"GET": Door(administering_told)},
    "/api/v1/upload-config": {"GET": Door(anybody)},
    "/api/v1/events": {"GET": Door(viewing)},
    "/api/docs": {"GET": Door(anybody)},
    "/api": {"GET": Door(anybody)},
    "/api/openapi.json": {"GET": Door(anybody)},
    "/api/{path:str}": {"GET": Door(anybody)},
    # files and machines
    "/assets/{name:path}": {"GET": Door(anybody)},
    "/favicon.ico": {"GET": Door(anybody)},
    "/healthz": {"GET": Door(anybody)},
    "/readyz": {"GET": Door(anybody)},
    "/metrics": {"GET": Door(anybody)},
    # media
    "/media/{video}/master.m3u8": {"GET": Door(viewing, having=PLAYABLE)},
    "/media/{video}/original": {"GET": Door(viewing, having=KEPT)},
    MEDIA + "/{rendition}/{number}.m4s": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/{rendition}/playlist.m3u8": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/{rendition}/init.mp4": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/{rendition}/iframes.m3u8": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/{rendition}/rendition.mp4": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/poster.jpg": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/captions/{captions}.m3u8": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/captions/{captions}.vtt": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/chapters.vtt": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/storyboard.vtt": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/storyboard-{number}.jpg": {"GET": Door(viewing, having=PLAYABLE)},
    MEDIA + "/preview.mp4": {"GET": Door(viewing, having=PLAYABLE)},
}


def door_of(template: str, method: str) -> Door | None:
    """What a route is for, or None where the table does not say. HEAD is as GET, where nothing else is said."""
    methods = DOORS.get(template, {})
    return methods.get(method) or (methods.get("GET") if method == "HEAD" else None)

"""What notices say, for pages, for the API and for notifications of browsers."""

from dataclasses import dataclass

from streamtime.auth.notices import NoticeKind
from streamtime.formatting import size_text
from streamtime.http.video_urls import owner_href
from streamtime.videos.notice_list import Notice

KIND_NAMES: dict[NoticeKind, str] = {
    NoticeKind.VIDEO_READY: "A video of yours is ready",
    NoticeKind.VIDEO_FAILED: "A video of yours could not be prepared",
    NoticeKind.SHARED: "Someone shares a video or a playlist with you",
    NoticeKind.NEW_VIDEO: "A new video of someone you follow",
    NoticeKind.INVITE_USED: "Someone uses your invitation",
    NoticeKind.REGISTRATION_WAITING: "Someone waits for approval",
    NoticeKind.DISK_LOW: "The disk is almost full",
    NoticeKind.BACKUP_FAILED: "The database could not be copied",
}
"""Names of the kinds, beside their switches."""

_CHANGES = {"cut": "The cut", "rotate": "The rotation", "replace": "The new file"}


@dataclass(frozen=True, slots=True)
class NoticeText:
    """The text of a notice, what to do about it (may be empty), and the path of the page about it."""

    text: str
    advice: str
    href: str


def notice_text(notice: Notice) -> NoticeText:
    """Return what a notice says."""
    watch = f"/watch/{notice.video.public_id}" if notice.video else ""
    if notice.kind is NoticeKind.VIDEO_READY:
        return NoticeText(_ready(notice), "", watch)
    if notice.kind is NoticeKind.VIDEO_FAILED:
        return NoticeText(_failed(notice), notice.detail.get("message", ""), watch)
    if notice.kind in {NoticeKind.SHARED, NoticeKind.NEW_VIDEO}:
        return _of_others(notice, watch)
    return _for_inviters_and_admins(notice)


def _for_inviters_and_admins(notice: Notice) -> NoticeText:
    if notice.kind is NoticeKind.INVITE_USED:
        return NoticeText(f"{_person(notice)} joined with your invitation", "", owner_href(notice.person_name))
    if notice.kind is NoticeKind.REGISTRATION_WAITING:
        page = f"/admin/people/{notice.person.public_id}" if notice.person else "/admin/people"
        return NoticeText(f"{_person(notice)} would like an account", "Approve it, or delete it.", page)
    if notice.kind is NoticeKind.DISK_LOW:
        free = size_text(int(notice.detail.get("free_bytes", "0")))
        advice = "Videos are not prepared until there is more. Delete some, or empty the trash."
        return NoticeText(f"The disk is almost full: {free} are free", advice, "/admin/space")
    return NoticeText("The database could not be copied", notice.detail.get("error", ""), "/admin")


def _ready(notice: Notice) -> str:
    change = _CHANGES.get(notice.detail.get("change", ""))
    return f"{change} of {_title(notice)} is done" if change else f"{_title(notice)} is ready"


def _failed(notice: Notice) -> str:
    change = _CHANGES.get(notice.detail.get("change", ""))
    return f"{change} of {_title(notice)} failed" if change else f"{_title(notice)} could not be prepared"


def _of_others(notice: Notice, watch: str) -> NoticeText:
    playlist = notice.playlist
    href = watch or (f"/playlists/{playlist.public_id}" if playlist else "/explore")
    if notice.kind is NoticeKind.SHARED:
        return NoticeText(f"{_person(notice)} shares {_title(notice)} with you", "", href)
    if notice.video and playlist:
        return NoticeText(f"New in “{playlist.title}”: {_title(notice)}", "", href)
    return NoticeText(f"{_person(notice)} published {_title(notice)}", "", href)


def _person(notice: Notice) -> str:
    return notice.person.title if notice.person else "Someone"


def _title(notice: Notice) -> str:
    subject = notice.video or notice.playlist
    return f"“{subject.title}”" if subject else "a video"

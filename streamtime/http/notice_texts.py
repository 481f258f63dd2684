"""What notices say, for pages, for the API and for notifications of browsers."""

from dataclasses import dataclass

from streamtime.auth.notices import PREPARATION, NoticeKind
from streamtime.formatting import size_text
from streamtime.http.video_urls import owner_href
from streamtime.translation import gettext, gettext_noop
from streamtime.videos.notice_list import Notice

KIND_NAMES: dict[NoticeKind, str] = {
    NoticeKind.VIDEO_READY: gettext_noop("A video of yours is ready"),
    NoticeKind.VIDEO_FAILED: gettext_noop("A video of yours could not be prepared"),
    NoticeKind.SHARED: gettext_noop("Someone shares a video or a playlist with you"),
    NoticeKind.NEW_VIDEO: gettext_noop("A new video of someone you follow"),
    NoticeKind.INVITE_USED: gettext_noop("Someone uses your invitation"),
    NoticeKind.REGISTRATION_WAITING: gettext_noop("Someone waits for approval"),
    NoticeKind.DISK_LOW: gettext_noop("The disk is almost full"),
    NoticeKind.BACKUP_FAILED: gettext_noop("The database could not be copied"),
}
"""Names of the kinds, beside their switches, untranslated."""

_DONE = {
    "cut": gettext_noop("The cut of %(title)s is done"),
    "rotate": gettext_noop("The rotation of %(title)s is done"),
    "replace": gettext_noop("The new file of %(title)s is ready"),
    "": gettext_noop("%(title)s is ready"),
}
_FAILED = {
    "cut": gettext_noop("The cut of %(title)s failed"),
    "rotate": gettext_noop("The rotation of %(title)s failed"),
    "replace": gettext_noop("The new file of %(title)s could not be prepared"),
    "": gettext_noop("%(title)s could not be prepared"),
}
"""By how a version differs from its video; empty for the video itself."""


@dataclass(frozen=True, slots=True)
class NoticeText:
    """The text of a notice, what to do about it (may be empty), and the path of the page about it."""

    text: str
    advice: str
    href: str


def notice_text(notice: Notice) -> NoticeText:
    """Return what a notice says."""
    watch = f"/watch/{notice.video.public_id}" if notice.video else ""
    if notice.kind in PREPARATION:
        texts = _DONE if notice.kind is NoticeKind.VIDEO_READY else _FAILED
        said = texts.get(notice.detail.get("change", ""), texts[""])
        return NoticeText(gettext(said, title=_title(notice)), notice.detail.get("message", ""), watch)
    if notice.kind in {NoticeKind.SHARED, NoticeKind.NEW_VIDEO}:
        return _of_others(notice, watch)
    return _for_inviters_and_admins(notice)


def _for_inviters_and_admins(notice: Notice) -> NoticeText:
    if notice.kind is NoticeKind.INVITE_USED:
        text = gettext("%(name)s joined with your invitation", name=_person(notice))
        return NoticeText(text, "", owner_href(notice.person_name))
    if notice.kind is NoticeKind.REGISTRATION_WAITING:
        page = f"/admin/people/{notice.person.public_id}" if notice.person else "/admin/people"
        text = gettext("%(name)s would like an account", name=_person(notice))
        return NoticeText(text, gettext("Approve it, or delete it."), page)
    if notice.kind is NoticeKind.DISK_LOW:
        free = size_text(int(notice.detail.get("free_bytes", "0")))
        advice = gettext("Videos are not prepared until there is more. Delete some, or empty the trash.")
        return NoticeText(gettext("The disk is almost full: %(size)s are free", size=free), advice, "/admin/space")
    return NoticeText(gettext("The database could not be copied"), notice.detail.get("error", ""), "/admin")


def _of_others(notice: Notice, watch: str) -> NoticeText:
    playlist = notice.playlist
    href = watch or (f"/playlists/{playlist.public_id}" if playlist else "/explore")
    name, title = _person(notice), _title(notice)
    if notice.kind is NoticeKind.SHARED:
        text = gettext("%(name)s shares %(title)s with you", name=name, title=title)
    elif notice.video and playlist:
        text = gettext("New in “%(playlist)s”: %(title)s", playlist=playlist.title, title=title)
    else:
        text = gettext("%(name)s published %(title)s", name=name, title=title)
    return NoticeText(text, "", href)


def _person(notice: Notice) -> str:
    return notice.person.title if notice.person else gettext("Someone")


def _title(notice: Notice) -> str:
    subject = notice.video or notice.playlist
    return gettext("“%(title)s”", title=subject.title) if subject else gettext("a video")

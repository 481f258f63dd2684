"""The result of a change of many videos, in the URL to which its form leads, and as the page shows it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from streamtime.translation import gettext, gettext_noop
from streamtime.videos.bulk import BulkAction, Outcome, VideoOutcome

_REASONS = {
    "conflict": gettext_noop("They cannot be prepared again: they have not failed, or their original was not kept."),
    "playlist_full": gettext_noop("The playlist is full."),
    "too_many_grants": gettext_noop("They are shared with too many."),
    "invalid": gettext_noop("They would have too many tags."),
}
_BATCH = re.compile(r"[A-Za-z0-9]{1,64}")
_MAX_COUNT = 1_000_000


@dataclass(frozen=True, slots=True)
class BulkNotice:
    """What was done; `batch` if it can be undone. `left`: more videos matched than one form changes."""

    action: BulkAction
    done: int
    refused: int
    reason: str
    batch: str
    left: bool


def result_query(action: BulkAction, outcomes: Sequence[VideoOutcome], batch: str | None, *, left: bool) -> str:
    """Return the query of a URL with a result."""
    counts = Counter(each.outcome for each in outcomes)
    reasons = Counter(each.error.code for each in outcomes if each.error is not None)
    values = {
        "did": action.value,
        "done": counts[Outcome.DONE],
        "refused": counts[Outcome.REFUSED] + counts[Outcome.NOT_FOUND],
        "why": reasons.most_common(1)[0][0] if reasons else "",
        "batch": batch or "",
        "left": "yes" if left else "",
    }
    return urlencode({name: value for name, value in values.items() if value})


def bulk_notice(params: Mapping[str, str]) -> BulkNotice | None:
    """Read a result from the query of a URL; None without one."""
    action = next((each for each in BulkAction if each.value == params.get("did")), None)
    if action is None:
        return None
    done, refused = (_count(params.get(name, "")) for name in ("done", "refused"))
    batch = params.get("batch", "")
    return BulkNotice(
        action,
        done,
        refused,
        gettext(_REASONS.get(params.get("why", ""), "")),
        batch if _BATCH.fullmatch(batch) and done else "",
        params.get("left") == "yes",
    )


def _count(text: str) -> int:
    return min(int(text), _MAX_COUNT) if text.isascii() and text.isdecimal() and len(text) < len(str(1 << 63)) else 0

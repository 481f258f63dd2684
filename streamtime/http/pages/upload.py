"""The upload page: what it tells the script that does the work."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.auth.access import Caller
from streamtime.formatting import size_text
from streamtime.http.requests import PageRequest, require_uploader
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.tus import PATH
from streamtime.videos.quota import QuotaUsage


@get("/upload", include_in_schema=False)
async def upload_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Drop videos here."""
    limits = services.upload_creation.limits
    usage = await services.usage.quota_usage(require_uploader(caller))
    upload = {
        "endpoint": PATH,
        "max_size": limits.max_size_bytes,
        "max_size_text": size_text(limits.max_size_bytes),
        "chunk_size": limits.chunk_size_bytes,
        "accepted_text": "MP4, MOV, MKV, WebM, AVI, MPEG-TS and most others; animated GIF; sound alone",
        "default_visibility": limits.default_visibility.value,
        "quota": _quota(usage),
    }
    return templates.page(request, "pages/upload.html", title="Upload", nav="upload", upload=upload)


def _quota(usage: QuotaUsage) -> dict[str, object] | None:
    if usage.limit is None or usage.remaining is None:
        return None
    return {
        "left": usage.remaining,
        "left_text": size_text(usage.remaining),
        "limit_text": size_text(usage.limit),
        "used_text": size_text(usage.used),
        "reserved": usage.reserved,
        "reserved_text": size_text(usage.reserved),
    }

"""The upload page: what it tells the script that does the work."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.access.caller import Caller
from streamtime.http.requests import PageRequest, with_videos
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.tus import PATH
from streamtime.http.words import size_text
from streamtime.library.space import Standing


@get("/upload", include_in_schema=False)
async def upload_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Drop videos here."""
    limits = services.upload_creation.limits
    standing = await services.space.standing(with_videos(caller))
    upload = {
        "endpoint": PATH,
        "max_size": limits.max_size_bytes,
        "max_size_text": size_text(limits.max_size_bytes),
        "chunk_size": limits.chunk_size_bytes,
        "accepted_text": "MP4, MOV, MKV, WebM, AVI, MPEG-TS and most others; animated GIF; sound alone",
        "default_visibility": limits.default_visibility.value,
        "quota": _quota(standing),
    }
    return templates.page(request, "pages/upload.html", title="Upload", nav="upload", upload=upload)


def _quota(standing: Standing) -> dict[str, object] | None:
    if standing.limit is None or standing.left is None:
        return None
    return {
        "left": standing.left,
        "left_text": size_text(standing.left),
        "limit_text": size_text(standing.limit),
        "used_text": size_text(standing.used),
        "reserved": standing.reserved,
        "reserved_text": size_text(standing.reserved),
    }

"""The built front end's files. Their names carry a hash, so browsers may keep them for ever."""

import mimetypes
from functools import lru_cache

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from streamtime.errors import NotFound
from streamtime.http.web_files import WebFiles

_FOR_EVER = "public, max-age=31536000, immutable"


@lru_cache(maxsize=64)
def _read(files: WebFiles, name: str) -> tuple[bytes, str]:
    """A file of the build; only names that the manifest knows are ever looked for on disk."""
    if name not in files.manifest.values():
        raise NotFound
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    try:
        return (files.dist / name).read_bytes(), kind
    except OSError as error:
        raise NotFound from error


@get("/assets/{name:path}", include_in_schema=False)
async def asset(name: FromPath[str], files: NamedDependency[WebFiles]) -> Response[bytes]:
    """One file of the front end."""
    content, kind = _read(files, name.lstrip("/"))
    return Response(content, media_type=kind, headers={"Cache-Control": _FOR_EVER})


@get("/favicon.ico", include_in_schema=False)
async def favicon(files: NamedDependency[WebFiles]) -> Response[bytes]:
    """For browsers that ask without having been told."""
    content, kind = _read(files, files.manifest["icon.svg"])
    return Response(content, media_type=kind, headers={"Cache-Control": "public, max-age=86400"})

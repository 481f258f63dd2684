"""Locates the built front end and serves its files.

File names contain a hash of the content, so browsers may cache them indefinitely. The build writes compressed variants
of text files; `Accept-Encoding` decides which variant is sent.
"""

import json
import mimetypes
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Response

from streamtime.errors import ConfigError, NotFound
from streamtime.http.middleware.compression import IDENTITY, choose_encoding, join_header_lines
from streamtime.http.ranges import NotModified, SendRange, Unsatisfiable, evaluate_conditions


class WebFiles:
    """The built front end, in an installed package or in a checkout."""

    def __init__(self) -> None:
        package = Path(__file__).resolve().parent.parent
        installed = package / "_web"
        self.root = installed if installed.is_dir() else package.parent / "web"

    @property
    def templates(self) -> Path:
        """The template folder."""
        return self.root / "templates"

    @property
    def dist(self) -> Path:
        """The build output folder."""
        return self.root / "dist"

    @cached_property
    def manifest(self) -> dict[str, str]:
        """Map from the name used in templates to the name with the hash.

        Raises:
            ConfigError: the front end is not built.
        """
        try:
            found: dict[str, str] = json.loads((self.dist / "manifest.json").read_text())
        except (OSError, ValueError) as error:
            raise ConfigError("The front end is not built. `make install` builds it.") from error
        return found

    def check(self) -> None:
        """Check that the front end is built.

        Raises:
            ConfigError: it is not.
        """
        self.url("app.js")

    def url(self, name: str) -> str:
        """Return the URL of a built file."""
        return f"/assets/{self.manifest[name]}"


_IMMUTABLE = "public, max-age=31536000, immutable"
_ONE_DAY = "public, max-age=86400"

_SUFFIXES = {"br": ".br", "gzip": ".gz"}
"""Content codings that the build writes, preferred first, and their file suffixes."""

_MEDIA_TYPES = {".woff2": "font/woff2"}
"""By suffix, where Python may not know it."""

_BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class _Asset:
    """A built file with its variants by content coding; `identity` is the uncompressed file."""

    name: str
    kind: str
    variants: dict[str, bytes]


@lru_cache(maxsize=64)
def _read(files: WebFiles, name: str) -> _Asset:
    """Read a built file. Only names in the manifest are looked up on disk."""
    if name not in files.manifest.values():
        raise NotFound
    try:
        variants = {IDENTITY: (files.dist / name).read_bytes()}
    except OSError as error:
        raise NotFound from error
    for coding, suffix in _SUFFIXES.items():
        compressed = files.dist / f"{name}{suffix}"
        if compressed.is_file():
            variants[coding] = compressed.read_bytes()
    return _Asset(name, _MEDIA_TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or _BYTES, variants)


@get("/assets/{name:path}", include_in_schema=False)
async def asset(
    request: Request[Any, Any, State], name: FromPath[str], files: NamedDependency[WebFiles]
) -> Response[bytes]:
    """Serve a file of the front end."""
    return _answer(request, _read(files, name.lstrip("/")), _IMMUTABLE)


@get("/favicon.ico", include_in_schema=False)
async def favicon(request: Request[Any, Any, State], files: NamedDependency[WebFiles]) -> Response[bytes]:
    """Serve the icon to browsers that request this URL by default."""
    return _answer(request, _read(files, files.manifest["icon.svg"]), _ONE_DAY)


def _answer(request: Request[Any, Any, State], found: _Asset, cache_control: str) -> Response[bytes]:
    """Return an acceptable variant or a range of it. ETag, length and ranges refer to the variant.

    Raises:
        HTTPException: the client accepts no variant (406).
    """
    offered = tuple(coding for coding in _SUFFIXES if coding in found.variants)
    coding = choose_encoding(join_header_lines(request.scope["headers"], b"accept-encoding"), offered)
    if coding is None:
        raise HTTPException(status_code=406, detail="This file is not available in a content coding that you accept.")
    content = found.variants[coding]
    headers = {
        "ETag": f'"{found.name}{_SUFFIXES.get(coding, "")}"',
        "Cache-Control": cache_control,
        "Accept-Ranges": "bytes",
    }
    if offered:
        headers["Vary"] = "Accept-Encoding"
    if coding != IDENTITY:
        headers["Content-Encoding"] = coding
    match evaluate_conditions(
        total=len(content),
        etag=headers["ETag"],
        if_none_match=join_header_lines(request.scope["headers"], b"if-none-match"),
        range_header=request.headers.get("range"),
        if_range=request.headers.get("if-range"),
    ):
        case NotModified():
            headers.pop("Content-Encoding", None)
            return Response(b"", status_code=304, headers=headers)
        case Unsatisfiable():
            headers["Content-Range"] = f"bytes */{len(content)}"
            headers.pop("Content-Encoding", None)
            return Response(b"", status_code=416, headers=headers)
        case SendRange() as part:
            end = part.start + part.length
            if part.status == 206:  # noqa: PLR2004  # Partial Content
                headers["Content-Range"] = f"bytes {part.start}-{end - 1}/{len(content)}"
            body = content[part.start : end]
            return Response(body, status_code=part.status, media_type=found.kind, headers=headers)

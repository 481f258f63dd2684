"""The built front end's files. Their names carry a hash, so browsers may keep them for ever.

The build has compressed the texts among them; which variant goes out is negotiated by `Accept-Encoding`.

The front end as it was built: templates, and files whose names carry a hash of what is in them.
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
    """Finds the built front end, inside an installed package or beside it in a checkout."""

    def __init__(self) -> None:
        package = Path(__file__).resolve().parent.parent
        installed = package / "_web"
        self.root = installed if installed.is_dir() else package.parent / "web"

    @property
    def templates(self) -> Path:
        """The folder of the templates."""
        return self.root / "templates"

    @property
    def dist(self) -> Path:
        """The folder of what the build made."""
        return self.root / "dist"

    @cached_property
    def manifest(self) -> dict[str, str]:
        """From the name that a template uses to the name with the hash.

        Raises:
            ConfigError: the front end has not been built.
        """
        try:
            found: dict[str, str] = json.loads((self.dist / "manifest.json").read_text())
        except (OSError, ValueError) as error:
            raise ConfigError("The front end is not built. `make install` builds it.") from error
        return found

    def check(self) -> None:
        """Look whether the front end is there.

        Raises:
            ConfigError: it has not been built.
        """
        self.url("app.js")

    def url(self, name: str) -> str:
        """The address of a built file."""
        return f"/assets/{self.manifest[name]}"


_IMMUTABLE = "public, max-age=31536000, immutable"
_ONE_DAY = "public, max-age=86400"

_SUFFIXES = {"br": ".br", "gzip": ".gz"}
"""The codings that the build makes, the better one first, and how their files end."""


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file of the build with its variants, by coding; `identity` is the file itself."""

    name: str
    kind: str
    variants: dict[str, bytes]


@lru_cache(maxsize=64)
def _read(files: WebFiles, name: str) -> _Asset:
    """A file of the build; only names that the manifest knows are ever looked for on disk."""
    if name not in files.manifest.values():
        raise NotFound
    try:
        variants = {IDENTITY: (files.dist / name).read_bytes()}
    except OSError as error:
        raise NotFound from error
    for coding, suffix in _SUFFIXES.items():
        packed = files.dist / f"{name}{suffix}"
        if packed.is_file():
            variants[coding] = packed.read_bytes()
    return _Asset(name, mimetypes.guess_type(name)[0] or "application/octet-stream", variants)


@get("/assets/{name:path}", include_in_schema=False)
async def asset(
    request: Request[Any, Any, State], name: FromPath[str], files: NamedDependency[WebFiles]
) -> Response[bytes]:
    """One file of the front end."""
    return _answer(request, _read(files, name.lstrip("/")), _IMMUTABLE)


@get("/favicon.ico", include_in_schema=False)
async def favicon(request: Request[Any, Any, State], files: NamedDependency[WebFiles]) -> Response[bytes]:
    """For browsers that ask without having been told."""
    return _answer(request, _read(files, files.manifest["icon.svg"]), _ONE_DAY)


def _answer(request: Request[Any, Any, State], found: _Asset, kept: str) -> Response[bytes]:
    """A variant that the client takes, whole or in part. Tag, length and ranges are those of the variant.

    Raises:
        HTTPException: the client takes none of them (406).
    """
    offered = tuple(coding for coding in _SUFFIXES if coding in found.variants)
    coding = choose_encoding(join_header_lines(request.scope["headers"], b"accept-encoding"), offered)
    if coding is None:
        raise HTTPException(status_code=406, detail="This file is there in none of the codings that you take.")
    content = found.variants[coding]
    headers = {"ETag": f'"{found.name}{_SUFFIXES.get(coding, "")}"', "Cache-Control": kept, "Accept-Ranges": "bytes"}
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

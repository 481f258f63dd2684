"""Sources of files for the checker: a folder on disk, or a server over HTTP."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx


class Missing(Exception):
    """There is no file at this URI."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes and their content type; "" if unknown."""

    data: bytes
    kind: str = ""


class FileSource(Protocol):
    """Reads files by URI, relative to the source or absolute within it."""

    def get(self, uri: str, first: int | None = None, length: int | None = None) -> Answer: ...


class Folder:
    """A folder on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def get(self, uri: str, first: int | None = None, length: int | None = None) -> Answer:
        path = (self._path / unquote(urlsplit(uri).path).lstrip("/")).resolve()
        if not path.is_relative_to(self._path) or not path.is_file():
            raise Missing("there is no such file")
        data = path.read_bytes()
        return Answer(data if first is None else data[first : first + (length or 0)])


class Server:
    """A server; the client has the credentials."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, uri: str, first: int | None = None, length: int | None = None) -> Answer:
        headers = {} if first is None else {"Range": f"bytes={first}-{first + (length or 0) - 1}"}
        answer = self._client.get(uri, headers=headers)
        if answer.status_code != (200 if first is None else 206):
            raise Missing(f"the server answers {answer.status_code}")
        return Answer(answer.content, answer.headers.get("content-type", ""))


def file_source(source: FileSource | Path | httpx.Client) -> FileSource:
    """Wrap a folder or a client; other sources are returned as they are."""
    if isinstance(source, Path):
        return Folder(source)
    if isinstance(source, httpx.Client):
        return Server(source)
    return source

"""People in front of a server: what they send and what they see, by API token, by cookie, or without an account."""

import base64
import html
import re
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import httpx
from tusclient.client import TusClient

PASSWORD = "correct horse battery"
UPLOADS = "/api/v1/uploads"
ACCOUNTS = "/api/v1/admin/users"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}


class ServerUnderTest(Protocol):
    """What people need to know of a server."""

    url: str

    def client(self, **headers: str) -> httpx.Client: ...

    def run(self, *arguments: str, given: str = "") -> str: ...


class Person:
    """Somebody with an account, or with none (then the name is empty)."""

    password = PASSWORD

    def __init__(self, house: ServerUnderTest, name: str) -> None:
        self.server = house
        self.name = name

    def __repr__(self) -> str:
        return self.name or "a visitor"

    @cached_property
    def token(self) -> str:
        """An API token of theirs."""
        return self.server.run("token", "create", self.name, "--label", "tests").split()[-1]

    @cached_property
    def api(self) -> httpx.Client:
        """A client that carries the token; a visitor's carries nothing."""
        return self.server.client(**self._bearer)

    @cached_property
    def browser(self) -> httpx.Client:
        """A client with cookies, signed in where there is an account."""
        client = self.server.client()
        if self.name:
            assert sign_in(client, self.name, self.password).status_code == 303
        return client

    def account(self, name: str) -> dict[str, Any]:
        """Somebody's account, as those who run the server see it."""
        items: list[dict[str, Any]] = self.api.get(ACCOUNTS).raise_for_status().json()["items"]
        return next(item for item in items if item["name"] == name)

    def csrf(self) -> dict[str, str]:
        """The headers of a script on a page of theirs."""
        return {"X-CSRF-Token": csrf_of(self.browser.get("/library").text)}

    def upload(self, path: Path, **facts: str) -> str:
        """Upload a file with tuspy, in pieces; the video's id."""
        metadata = {"filename": path.name, **facts}
        client = TusClient(self.server.url + UPLOADS, headers=self._bearer)
        with path.open("rb") as file:
            uploader = client.uploader(file_stream=file, chunk_size=100_000, metadata=metadata)
            uploader.upload()
        at = str(uploader.url).removeprefix(self.server.url)
        return self.api.head(at, headers=TUS).headers["Streamtime-Video"]

    def send(self, data: bytes, **facts: str) -> str:
        """Upload bytes in one request; the video's id."""
        headers = {**TUS, **BYTES, **upload_headers(len(data), **facts)}
        return self.api.post(UPLOADS, headers=headers, content=data).raise_for_status().headers["Streamtime-Video"]

    def begin(self, length_bytes: int, **facts: str) -> str:
        """Begin an upload; the path to send its bytes to."""
        headers = {**TUS, **upload_headers(length_bytes, **facts)}
        return self.api.post(UPLOADS, headers=headers).raise_for_status().headers["Location"]

    def append(self, at: str, offset: int, data: bytes) -> httpx.Response:
        """Send bytes of an upload."""
        return self.api.patch(at, headers={**TUS, **BYTES, "Upload-Offset": str(offset)}, content=data)

    def offset(self, at: str) -> int:
        """How far an upload is."""
        return int(self.api.head(at, headers=TUS).raise_for_status().headers["Upload-Offset"])

    def look(self, video: str) -> dict[str, Any]:
        """A video as the API shows it to them."""
        body: dict[str, Any] = self.api.get(f"/api/v1/videos/{video}").raise_for_status().json()
        return body

    def change(self, video: str, **changes: object) -> None:
        """Edit a video by the API."""
        self.api.patch(f"/api/v1/videos/{video}", json=changes).raise_for_status()

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.name else {}


def upload_headers(length_bytes: int, **facts: str) -> dict[str, str]:
    """The headers that begin an upload of that length."""
    pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in facts.items())
    return {"Upload-Length": str(length_bytes), "Upload-Metadata": pairs}


def sign_in(client: httpx.Client, name: str, password: str, *, following: str = "") -> httpx.Response:
    """Send the form of the login page, as a browser does; afterwards `client` has the cookie."""
    form = {"name": name, "password": password, "next": following}
    return client.post("/login", data=form, headers={"Origin": str(client.base_url).rstrip("/")})


def csrf_of(page: str) -> str:
    """The token in a page."""
    found = re.search(r'<meta name="csrf-token" content="([^"]*)">', page)
    assert found, "the page has no token"
    return html.unescape(found[1])

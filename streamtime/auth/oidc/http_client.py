"""One conversation with a provider: over in so many seconds, and never longer than it has to say something.

Whatever goes wrong on the line is one of two errors; a library's own words go no further than this file.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from streamtime.auth.oidc.types import ProviderSettings, ProviderUnavailable, ProviderUntrusted
from streamtime.errors import TooManyRequests

MAX_RESPONSE_BYTES = 512 * 1024
"""Of any answer. A set of keys is some kilobytes."""

MAX_CONCURRENT = 20

OK = 200


class ProviderClient:
    """Opens them, as the client of `settings`."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._ssl_context = ssl.create_default_context()  # which reads all certificates there are, so once
        self._active = 0

    @asynccontextmanager
    async def open(self, auth_method: str | None = None) -> AsyncIterator["ProviderSession"]:
        """A conversation, in which the token endpoint is told who we are by that method.

        Raises:
            ProviderUnavailable: the provider does not answer as it should.
            ProviderUntrusted: it refuses.
            TooManyRequests: too many wait for it already.
        """
        if self._active >= MAX_CONCURRENT:
            raise TooManyRequests("Too many people are signing in at once. Try again in a moment.", retry_after_s=2)
        self._active += 1
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._client(auth_method) as client:
                yield ProviderSession(client)
        except TimeoutError as error:
            raise ProviderUnavailable(f"It takes longer than {self._settings.timeout_s} seconds to answer.") from error
        except OAuthError as error:
            raise ProviderUntrusted(f"It refuses: {str(error.error)[:100]!r}.{_advice(error)}") from error
        except httpx2.HTTPStatusError as error:
            address = error.request.url.copy_with(query=None)
            raise ProviderUnavailable(f"{address} answers {error.response.status_code}.") from error
        except httpx2.HTTPError as error:
            raise ProviderUnavailable(f"It cannot be reached: {type(error).__name__}: {str(error)[:200]}.") from error
        finally:
            self._active -= 1

    def _client(self, auth_method: str | None) -> Any:  # noqa: ANN401  # the library is not typed
        settings = self._settings
        return AsyncOAuth2Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret or None,
            token_endpoint_auth_method=auth_method,
            scope=" ".join(dict.fromkeys(("openid", *settings.scopes))),
            code_challenge_method="S256",
            transport=_BoundedTransport(verify=self._ssl_context),
            timeout=settings.timeout_s,
            headers={"Accept-Encoding": "identity", "User-Agent": "Streamtime"},
        )


class ProviderSession:
    """What is said in one."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  # the library is not typed
        self.client = client

    async def fetch(self, address: str, *, bearer: str | None = None) -> bytes:
        """The body of an answer.

        Raises:
            ProviderUnavailable: it is none that says anything.
        """
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        answer: httpx2.Response = await self.client.request("GET", address, headers=headers, withhold_token=True)
        if answer.status_code != OK:
            raise ProviderUnavailable(f"{address} answers {answer.status_code}.")
        return answer.content


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Gives up on an answer that is longer than any that we ask for."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().handle_async_request(request)
        if (
            "content-encoding" in answer.headers
        ):  # what was not asked for may be a small file that unpacks to a large one
            await answer.aclose()
            raise httpx2.DecodingError("the answer is packed", request=request)
        stream = answer.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            answer.stream = _BoundedStream(stream, request)
        return answer


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        passed = 0
        async for piece in self._inner:
            passed += len(piece)
            if passed > MAX_RESPONSE_BYTES:
                raise httpx2.ReadError("the answer is too long", request=self._request)
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


def _advice(error: OAuthError) -> str:
    """What to look at, where the provider says whose fault it is."""
    if error.error in {"invalid_client", "unauthorized_client"}:
        return " Look at accounts.oidc.client_id and client_secret."
    return ""

"""HTTP requests to an OpenID provider, limited in time, size and number.

All failures become `ProviderUnavailable` or `ProviderUntrusted`; no exception of a library leaves this module.
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
"""The largest accepted response; a key set has a few kilobytes."""

MAX_CONCURRENT = 20

OK = 200


class ProviderClient:
    """Opens sessions with a provider as the client of `settings`."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._ssl_context = ssl.create_default_context()  # created once, since it loads all certificates
        self._active = 0

    @asynccontextmanager
    async def open(self, auth_method: str | None = None) -> AsyncIterator["ProviderSession"]:
        """Open a session. `auth_method` is how this client authenticates at the token endpoint.

        Raises:
            ProviderUnavailable: the provider is unreachable, too slow, or sends an unexpected response.
            ProviderUntrusted: it refuses the request.
            TooManyRequests: too many sessions are open.
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
    """The requests of one sign-in, within one timeout."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  # the library is not typed
        self.client = client

    async def fetch(self, address: str, *, bearer: str | None = None) -> bytes:
        """Return the body of a GET request.

        Raises:
            ProviderUnavailable: the status is not 200.
        """
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        response: httpx2.Response = await self.client.request("GET", address, headers=headers, withhold_token=True)
        if response.status_code != OK:
            raise ProviderUnavailable(f"{address} answers {response.status_code}.")
        return response.content


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Rejects responses that are compressed or larger than `MAX_RESPONSE_BYTES`."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if "content-encoding" in response.headers:  # not requested, and may be a decompression bomb
            await response.aclose()
            raise httpx2.DecodingError("the answer is packed", request=request)
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _BoundedStream(stream, request)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._inner:
            received += len(chunk)
            if received > MAX_RESPONSE_BYTES:
                raise httpx2.ReadError("the answer is too long", request=self._request)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _advice(error: OAuthError) -> str:
    """Return a hint at the configuration, if the provider rejects the client."""
    if error.error in {"invalid_client", "unauthorized_client"}:
        return " Look at accounts.oidc.client_id and client_secret."
    return ""

"""Hooks for schemathesis.

It must not delete its own account or token: all following requests would get 401.
"""

import json
import os
from typing import Any
from urllib.parse import quote

import schemathesis

OWN = frozenset(json.loads(os.environ["STREAMTIME_FUZZ_OWN"]))
"""The ids of the caller's account and tokens, as they occur in URLs."""


MAX_QUERY = 12_000
"""Characters of a query; the request line may have 16 KiB."""


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:  # noqa: ARG001  # as it is called
    named = [str(value) for value in (case.path_parameters or {}).values()]
    # A new token's secret is not its id, although the answer calls it `token`.
    return OWN.isdisjoint(named) and not any(value.startswith("st_") for value in named) and _fits(case.query)


def _fits(query: dict[str, Any] | None) -> bool:
    """Whether the request line is below the limit of the HTTP server, which `tests/hostile/test_http_fuzz.py` tries."""
    return len(quote(repr(query or {}))) < MAX_QUERY


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(context: schemathesis.SerializationContext, value: object) -> bytes:  # noqa: ARG001  # as it is called
    """The bytes of an upload."""
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")

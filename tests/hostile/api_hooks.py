"""Hooks for schemathesis.

It must not delete its own account or token: all following requests would get 401.
"""

import json
import os
from typing import Any

import schemathesis

OWN = frozenset(json.loads(os.environ["STREAMTIME_FUZZ_OWN"]))
"""The ids of the caller's account and tokens, as they occur in URLs."""


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:  # noqa: ARG001  # as it is called
    return OWN.isdisjoint(str(value) for value in (case.path_parameters or {}).values())


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(context: schemathesis.SerializationContext, value: object) -> bytes:  # noqa: ARG001  # as it is called
    """The bytes of an upload."""
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")

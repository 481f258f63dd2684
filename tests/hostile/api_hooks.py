"""What schemathesis is told of us beside the document.

It must not end its own account, nor the token that it comes with: all that followed would be 401.
"""

import json
import os
from typing import Any

import schemathesis

OWN = frozenset(json.loads(os.environ["STREAMTIME_FUZZ_OWN"]))
"""The ids of the caller's account and of its tokens, as they may stand in an address."""


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:  # noqa: ARG001  # as it is called
    return OWN.isdisjoint(str(value) for value in (case.path_parameters or {}).values())


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(context: schemathesis.SerializationContext, value: object) -> bytes:  # noqa: ARG001  # as it is called
    """The bytes of an upload."""
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")

"""What a form sends: short texts by name, nothing else."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from litestar import Request
from litestar.datastructures import State, UploadFile

from streamtime.errors import Invalid

MAX_FIELD = 20_000

FORM_OVERHEAD_BYTES = 64 * 1024
"""Bytes that a form may have beside the file in it."""

Form: TypeAlias = Mapping[str, object]
"""A form as it is shown again: what was typed, and `errors` by field."""


async def read_form(request: Request[Any, Any, State], *names: str) -> dict[str, str]:
    """The fields of these names; one that was not sent is empty.

    Raises:
        Invalid: a field is longer than anything we ask for, or is a file.
    """
    form = await request.form()
    fields: dict[str, str] = {}
    for name in names:
        value = form.get(name, "")
        if not isinstance(value, str) or len(value) > MAX_FIELD:
            raise Invalid("That is too long.", field=name)
        fields[name] = value
    return fields


async def read_file(request: Request[Any, Any, State], name: str) -> bytes:
    """The file that a form sends under this name.

    Raises:
        Invalid: there is none.
    """
    file = (await request.form()).get(name)
    data = await file.read() if isinstance(file, UploadFile) else b""
    if not data:
        raise Invalid("Choose a file.", field=name)
    return data


def local_path(text: str) -> str:
    """A path on this server that a form says to go to next; anything else leads to the library."""
    # What begins with one slash, and no second one that a browser would see, has neither scheme nor host.
    ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if ours else "/library"

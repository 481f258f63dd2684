"""Every deed has words on the page of the audit."""

import pytest

from streamtime.auth.audit import AuditEvent
from streamtime.http.assets import WebFiles
from streamtime.http.language import Languages
from streamtime.http.pages.audit import EntryView
from streamtime.http.templates import Templates

TEMPLATE = "macros/audit.html"


@pytest.mark.parametrize("deed", list(AuditEvent))
def test_every_deed_has_words(deed: AuditEvent) -> None:
    entry = EntryView(deed.value, "ann", "", "bob", {}, "", "")
    module = Templates(WebFiles(), Languages(WebFiles()))._environment.get_template(TEMPLATE).module
    words = str(module.deed_words(entry))  # type: ignore[attr-defined]  # a macro
    assert words.startswith("<strong>ann</strong> ")
    assert words.endswith(": bob")

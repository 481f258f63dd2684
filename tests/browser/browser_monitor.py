"""Watches everything that a test's browser does, and remembers what no page of ours may do.

That is: a request to any host but the server's, an error on the console, an uncaught error, a report of the
content security policy. What a test provokes on purpose it allows by name.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI} ${event.sourceFile ?? ""}`);
});
"""
_OWN_SCHEMES = {"data", "blob", "about"}


@dataclass
class BrowserMonitor:
    """What one test's browser did that it should not have done."""

    allowed_origins: set[str] = field(default_factory=set)
    allowed: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("request", self._on_request)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def allow(self, pattern: str) -> None:
        """Let pass what matches this regular expression: text and address of a console error."""
        self.allowed.append(pattern)

    def faults(self) -> list[str]:
        return [what for what in self.seen if not any(re.search(pattern, what) for pattern in self.allowed)]

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in _OWN_SCHEMES or f"{address.scheme}://{address.netloc}" in self.allowed_origins:
            return
        self.seen.append(f"request to another host: {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"console error: {message.text} ({message.location.get('url', '')})")

    def _on_error(self, error: WebError) -> None:
        self.seen.append(f"uncaught error: {error.error}")

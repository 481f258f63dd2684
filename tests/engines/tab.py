"""A tab of a real browser, driven by WebDriver: what people do in it, the same for both protocols.

`firefox.py` speaks WebDriver BiDi over a web socket, `webkit.py` the classic protocol over HTTP. Both have the same
input actions (https://www.w3.org/TR/webdriver2/#actions): only running script, navigating and choosing a file differ.
"""

import json
import os
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.server import wait_until

WITHIN_S = 90.0
ENDS_WITHIN_S = 30.0
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowDown": "\ue015", "End": "\ue010", "Home": "\ue011"}
"""Keys by name, as code points of WebDriver: https://www.w3.org/TR/webdriver2/#keyboard-actions"""

_FIND = """(selector, text) => {
  const found = [];
  const visit = (root) => {
    found.push(...root.querySelectorAll(selector));
    for (const element of root.querySelectorAll("*")) if (element.shadowRoot) visit(element.shadowRoot);
  };
  visit(document);
  return found.filter((element) => element.checkVisibility({ visibilityProperty: true })
    && element.textContent.includes(text));
}"""
_POINT = f"""(selector, text) => {{
  const [element] = ({_FIND})(selector, text);
  if (!element) return null;
  const {{ left, top, width, height }} = element.getBoundingClientRect();
  const [x, y] = [Math.round(left + width / 2), Math.round(top + height / 2)];
  // WebKit scrolls in another thread: where the element is then, the next call tells.
  if (y < 0 || y >= innerHeight) return element.scrollIntoView({{ block: "center", behavior: "instant" }});
  let hit = document.elementFromPoint(x, y);
  while (hit?.shadowRoot) {{
    const inner = hit.shadowRoot.elementFromPoint(x, y);
    if (!inner || inner === hit) break;
    hit = inner;
  }}
  const around = (from) => {{
    const path = [];
    for (let at = from; at; at = at.assignedSlot ?? at.parentNode ?? at.host) path.push(at);
    return path;
  }};
  const moves = (at) => at.nodeType === 1 && at.getAnimations().some(({{ playState }}) => playState === "running");
  return around(hit).includes(element) && !around(element).some(moves) ? [x, y] : null;
}}"""
"""Where a click hits the element, in pixels of the viewport; null while it is hidden, covered or moving."""


class WebDriverError(Exception):
    """The browser refused a command: most often the page went away meanwhile."""


class Tab(ABC):
    """One tab. Every action waits until the page allows it."""

    url = ""
    """Paths are relative to it."""

    @abstractmethod
    def close(self) -> None:
        """End the browser and all its processes."""

    @abstractmethod
    def faults(self) -> list[str]:
        """Errors of scripts and on the console so far."""

    @abstractmethod
    def navigate(self, url: str) -> None:
        """Load a page, and return when it is complete."""

    @abstractmethod
    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in a file input."""

    @abstractmethod
    def perform(self, sources: Sequence[dict[str, Any]]) -> None:
        """Perform input actions."""

    @abstractmethod
    def call(self, function: str, text: str) -> str:
        """Call a JavaScript function that takes a string and returns one."""

    def goto(self, path: str) -> None:
        self.navigate(self.url + path)

    def run(self, function: str, *arguments: object) -> Any:  # noqa: ANN401  # what JSON holds
        """Call a JavaScript function with JSON values; its result."""
        wrapped = f"(text) => JSON.stringify(({function})(...JSON.parse(text)) ?? null)"
        return json.loads(self.call(wrapped, json.dumps(arguments)))

    def wait(self, function: str, *arguments: object, within_s: float = WITHIN_S) -> Any:  # noqa: ANN401  # what JSON holds
        """Wait until the function returns something true; that."""

        def look() -> Any:  # noqa: ANN401
            try:
                return self.run(function, *arguments)
            except WebDriverError:  # the page is being replaced
                return None

        return wait_until(look, f"{function} {arguments} on {self}", within_s=within_s)

    def see(self, selector: str, text: str = "") -> None:
        """Wait until a visible element contains the text."""
        self.wait(f"(selector, text) => ({_FIND})(selector, text).length", selector, text)

    def click(self, selector: str, text: str = "") -> None:
        """Click the first visible element that contains the text, in shadow trees too."""
        x, y = self._still_point(selector, text)
        self.perform(
            [
                {
                    "type": "pointer",
                    "id": "mouse",
                    "parameters": {"pointerType": "mouse"},
                    "actions": [
                        {"type": "pointerMove", "x": x, "y": y, "duration": 0},
                        {"type": "pointerDown", "button": 0},
                        {"type": "pointerUp", "button": 0},
                    ],
                }
            ]
        )

    def _still_point(self, selector: str, text: str) -> list[int]:
        """Where the element is once it does not move any more, as a menu does that opens."""
        seen: list[list[int] | None] = [None]

        def look() -> bool:
            seen.append(self.wait(_POINT, selector, text))
            return seen[-1] == seen[-2]

        wait_until(look, f"{selector} does not move")
        assert seen[-1]
        return seen[-1]

    def press(self, *keys: str) -> None:
        """Press and release keys, by name or character."""
        codes = [KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": code} for code in codes for kind in ("keyDown", "keyUp")]
        self.perform([{"type": "key", "id": "keyboard", "actions": actions}])

    def fill(self, selector: str, text: str) -> None:
        """Click a field and type."""
        self.click(selector)
        self.press(*text)

    def attribute(self, selector: str, name: str, value: str) -> None:
        """Wait until an attribute has a value."""
        self.wait(
            "(selector, name, value) => document.querySelector(selector)?.getAttribute(name) === value",
            selector,
            name,
            value,
        )


def free_port() -> int:
    """A TCP port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started in its session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)

"""Firefox, driven by WebDriver BiDi: https://www.w3.org/TR/webdriver-bidi/. It needs no other program."""

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.sync.client import connect

from tests.engines.tab import Tab, WebDriverError, end_session
from tests.server import wait_until

ANSWERS_WITHIN_S = 120
PREFERENCES = {
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.proxy.type": 0,
    "toolkit.telemetry.enabled": False,
}
"""Beside those that Firefox sets by itself while it is driven (`remote.prefs.recommended`)."""


class Firefox(Tab):
    """A headless Firefox with a profile of its own and one tab."""

    def __init__(self, executable: str) -> None:
        self._stack = ExitStack()
        self._number = 0
        self._faults: list[str] = []
        try:
            profile = Path(self._stack.enter_context(TemporaryDirectory(prefix="streamtime-firefox-")))
            self._start(executable, profile)
        except BaseException:
            self._stack.close()
            raise

    def _start(self, executable: str, profile: Path) -> None:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("".join(lines))
        command = [executable, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        log = self._stack.enter_context((profile / "log").open("wb"))
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MOZ_HEADLESS_WIDTH": "1280", "MOZ_HEADLESS_HEIGHT": "900"},
        )  # fmt: skip
        self._stack.callback(end_session, process)
        address = profile / "WebDriverBiDiServer.json"
        server = json.loads(wait_until(lambda: address.read_text() if address.exists() else "", "Firefox"))
        url = f"ws://{server['ws_host']}:{server['ws_port']}/session"
        self._socket = self._stack.enter_context(connect(url, max_size=None, proxy=None))
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=["log.entryAdded"])
        self._context = self._send("browsingContext.getTree", maxDepth=0)["contexts"][0]["context"]
        self._send("browsingContext.setViewport", context=self._context, viewport={"width": 1280, "height": 800})

    def close(self) -> None:
        self._stack.close()

    def faults(self) -> list[str]:
        return self._faults

    def navigate(self, url: str) -> None:
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def choose_file(self, selector: str, path: Path) -> None:
        element = self._call("(selector) => document.querySelector(selector)", selector)
        self._send(
            "input.setFiles", context=self._context, element={"sharedId": element["sharedId"]}, files=[str(path)]
        )

    def perform(self, sources: Sequence[dict[str, Any]]) -> None:
        self._send("input.performActions", context=self._context, actions=list(sources))

    def call(self, function: str, text: str) -> str:
        return str(self._call(function, text)["value"])

    def _call(self, function: str, text: str) -> dict[str, Any]:
        answer = self._send(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": text}],
            target={"context": self._context},
            awaitPromise=False,
            userActivation=False,
        )
        if answer["type"] == "exception":
            raise WebDriverError(answer["exceptionDetails"]["text"])
        result: dict[str, Any] = answer["result"]
        return result

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401  # what JSON holds
        """Send a command; its result. Events that come before it are kept."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=ANSWERS_WITHIN_S))
            if message.get("id") == self._number:
                break
            self._take_event(message)
        if message["type"] == "error":
            raise WebDriverError(f"{method}: {message['error']}: {message['message']}")
        result: dict[str, Any] = message["result"]
        return result

    def _take_event(self, message: dict[str, Any]) -> None:
        entry = message.get("params", {})
        if message.get("method") == "log.entryAdded" and entry["level"] == "error":
            self._faults.append(f"{entry['type']}: {entry['text']}")

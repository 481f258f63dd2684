"""WebKit in GTK's MiniBrowser, driven by WebDriver (https://www.w3.org/TR/webdriver2/) on a screen of its own."""

import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import httpx

from tests.engines.tab import Tab, WebDriverError, end_session, free_port
from tests.server import wait_until

COMMAND_WITHIN_S = 120
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's id: https://www.w3.org/TR/webdriver2/#elements"""

BROWSERS = ("lib*/*/webkit2gtk-4.*/MiniBrowser", "libexec/webkit2gtk-4.*/MiniBrowser")
"""Where distributions keep the browser, below /usr: it is not on the path of programs."""

CONSOLE_ERROR = re.compile(r"^CONSOLE .*\bERROR\b.*", re.MULTILINE)


class WebKit(Tab):
    """A MiniBrowser with one tab, its driver, and the X server that it draws on."""

    def __init__(self, driver: str) -> None:
        self._stack = ExitStack()
        try:
            self._start(driver, Path(self._stack.enter_context(TemporaryDirectory(prefix="streamtime-webkit-"))))
        except BaseException:
            self._stack.close()
            raise

    def _start(self, driver: str, folder: Path) -> None:
        self._log = folder / "log"
        log = self._stack.enter_context(self._log.open("wb"))
        homes = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
        environ = {**os.environ, **dict.fromkeys(homes, str(folder)), "NO_AT_BRIDGE": "1"}
        environ["DISPLAY"] = self._start_screen(log)
        port = free_port()
        self._spawn([driver, f"--port={port}"], log, environ)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=COMMAND_WITHIN_S, trust_env=False)
        self._http = self._stack.enter_context(client)
        wait_until(self._is_ready, "WebKitWebDriver")
        [browser, *_] = [path for pattern in BROWSERS for path in Path("/usr").glob(pattern)]
        options = {
            "binary": str(browser),
            "args": ["--automation", "--private", "--enable-write-console-messages-to-stdout=true"],
        }
        capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session = self._send("POST", "/session", capabilities=capabilities)["sessionId"]
        self._session = f"/session/{session}"
        self._stack.callback(self._send, "DELETE", self._session)
        self._command("/window/rect", width=1280, height=800)

    def _start_screen(self, log: IO[bytes]) -> str:
        """Start an X server on a free display; the display's name."""
        reading, writing = os.pipe()
        screen = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
        self._spawn(screen, log, dict(os.environ), writing)
        os.close(writing)
        with os.fdopen(reading) as report:
            return f":{report.readline().strip()}"

    def _spawn(self, command: list[str], log: IO[bytes], environ: dict[str, str], *pass_fds: int) -> None:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, pass_fds=pass_fds,
            start_new_session=True,
        )  # fmt: skip
        self._stack.callback(end_session, process)

    def close(self) -> None:
        self._stack.close()

    def faults(self) -> list[str]:
        return CONSOLE_ERROR.findall(self._log.read_text(errors="replace"))

    def navigate(self, url: str) -> None:
        self._command("/url", url=url)

    def choose_file(self, selector: str, path: Path) -> None:
        element = self._command("/element", using="css selector", value=selector)
        self._command(f"/element/{element[ELEMENT]}/value", text=str(path))

    def perform(self, sources: Sequence[dict[str, Any]]) -> None:
        self._command("/actions", actions=list(sources))

    def call(self, function: str, text: str) -> str:
        return str(self._command("/execute/sync", script=f"return ({function})(...arguments)", args=[text]))

    def _is_ready(self) -> bool:
        try:
            return bool(self._send("GET", "/status")["ready"])
        except httpx.TransportError:
            return False

    def _command(self, path: str, **body: object) -> Any:  # noqa: ANN401  # what JSON holds
        return self._send("POST", self._session + path, **body)

    def _send(self, method: str, path: str, **body: object) -> Any:  # noqa: ANN401  # what JSON holds
        answer = self._http.request(method, path, json=body if method == "POST" else None)
        value = answer.json()["value"]
        if answer.is_error:
            raise WebDriverError(f"{path}: {value['error']}: {value['message']}")
        return value

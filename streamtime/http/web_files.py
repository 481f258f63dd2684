"""The front end as it was built: templates, and files whose names carry a hash of what is in them."""

import json
from functools import cached_property
from pathlib import Path

from streamtime.errors import ConfigError


class WebFiles:
    """Finds the built front end, inside an installed package or beside it in a checkout."""

    def __init__(self) -> None:
        package = Path(__file__).resolve().parent.parent
        installed = package / "_web"
        self.root = installed if installed.is_dir() else package.parent / "web"

    @property
    def templates(self) -> Path:
        """The folder of the templates."""
        return self.root / "templates"

    @property
    def dist(self) -> Path:
        """The folder of what the build made."""
        return self.root / "dist"

    @cached_property
    def manifest(self) -> dict[str, str]:
        """From the name that a template uses to the name with the hash.

        Raises:
            ConfigError: the front end has not been built.
        """
        try:
            found: dict[str, str] = json.loads((self.dist / "manifest.json").read_text())
        except (OSError, ValueError) as error:
            raise ConfigError("The front end is not built. `make install` builds it.") from error
        return found

    def check(self) -> None:
        """Look whether the front end is there.

        Raises:
            ConfigError: it has not been built.
        """
        self.url("app.js")

    def url(self, name: str) -> str:
        """The address of a built file."""
        return f"/assets/{self.manifest[name]}"

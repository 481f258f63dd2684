"""`streamtime openapi`: prints the OpenAPI document of this version."""

import asyncio
import tempfile
from pathlib import Path

import msgspec
import rich_click as click

from streamtime.addresses import ListenAddress
from streamtime.app.core import database_path
from streamtime.app.server import http_settings, open_services
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.config.stored import LoadedConfig
from streamtime.database.migrate import migrate
from streamtime.http.application import build_litestar
from streamtime.http.metrics import Metrics
from streamtime.version import VERSION


@click.command()
def openapi() -> None:
    """Print the OpenAPI document of the API."""
    with tempfile.TemporaryDirectory(prefix="streamtime-openapi-") as folder:
        click.echo(asyncio.run(_document(Config(data_dir=Path(folder)))))


async def _document(config: Config) -> str:
    migrate(database_path(config), now_ms=SystemClock().now_ms())
    async with open_services(LoadedConfig.of(config, {})) as services:
        settings = http_settings(config, ListenAddress(config.server.host, config.server.port))
        application = build_litestar(services, settings, Metrics(), version=VERSION)
        document = msgspec.json.encode(application.openapi_schema.to_schema())
        return msgspec.json.format(document, indent=2).decode()

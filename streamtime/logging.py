"""Structured logging: one event per line, as text or JSON, with secrets redacted."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

LogFormat = Literal["auto", "text", "json"]

_TICKET = re.compile(r"/t/[^/\s]+/")
_SECRET_WORDS = ("password", "token", "cookie", "authorization", "secret", "code_plain")


def configure(*, log_format: LogFormat = "auto", level: str = "info") -> None:
    """Send all log events, including those of libraries, to standard error in one format."""
    text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    renderer = structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # At "debug" the database driver logs the values of each statement, urllib3 signed URLs, httpcore2 headers.
    for verbose in ("aiosqlite", "alembic", "authlib", "httpcore2", "httpx2", "urllib3", "uvicorn"):
        logging.getLogger(verbose).setLevel(logging.WARNING)


def get_logger(component: str) -> structlog.stdlib.BoundLogger:
    """Return a logger whose events carry the name of a component."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(component=component)
    return logger


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets, found by the names of their fields, and tickets in URLs."""
    for key, value in event.items():
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "[redacted]"
        elif isinstance(value, str) and "/t/" in value:
            event[key] = _TICKET.sub("/t/[redacted]/", value)
    return event

"""Logging: structlog's renderers behind a formatter that masks every credential, tracebacks included."""

import logging
from typing import Any

import structlog
from structlog.typing import EventDict

from accounts.masking import mask_text


def without_task_arguments(logger: object, method: str, event: EventDict) -> EventDict:
    """Celery adds a task's arguments to its log records, and an argument may be a whole conversation."""
    event.pop("data", None)
    return event


SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    without_task_arguments,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class MaskingFormatter(structlog.stdlib.ProcessorFormatter):
    """Mask the finished line, so that no path into a log can carry a secret."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_text(super().format(record))


def config(*, level: str, as_json: bool) -> dict[str, Any]:
    """The dictConfig for one process."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        # A plain traceback: the pretty one prints local variables, and those hold bodies and keys.
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    formatter = {
        "()": MaskingFormatter,
        "foreign_pre_chain": SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"masked": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "masked"}},
        # The libraries' own debugging would bury Nexus's.
        "root": {"handlers": ["stderr"], "level": "INFO" if level == "debug" else level.upper()},
        "loggers": {
            "nexus": {"level": level.upper()},
            "django.db.backends": {"level": "INFO"},
            "asyncio": {"level": "INFO"},
            "celery.app.trace": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "hpack": {"level": "WARNING"},
        },
    }

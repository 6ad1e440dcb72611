"""Logging: an event and its fields on one line, as text or JSON, every credential in it masked, tracebacks included."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from accounts.secrets.masking import mask_text
from nexus_project.redis_noise import RedisNoise

# What every record has; anything else came by `extra`. Celery adds a task's arguments as `data`: maybe a whole conversation.
# Django adds the `request`, whose query may hold the code of a sign-in; the message has its path.
NOT_FIELDS = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "data", "request"}
LEVEL_WIDTH = 9
EVENT_WIDTH = 30
QUOTED = frozenset(" \t=\r\n\"'")


class MaskingFormatter(logging.Formatter):
    """Mask the finished line, so that no path into a log can carry a secret."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_text(self.line(record))

    def line(self, record: logging.LogRecord) -> str:
        """The record's text, without a line's end."""
        raise NotImplementedError

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What was given by `extra`, and the stack where it was asked for."""
        given = {key: value for key, value in record.__dict__.items() if key not in NOT_FIELDS}
        return given | ({"stack_info": record.stack_info} if record.stack_info else {})

    def time(self, record: logging.LogRecord) -> str:
        """When it happened, in UTC to the microsecond."""
        return datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")

    def trace(self, record: logging.LogRecord) -> str:
        """The plain traceback, "" where there is none. A prettier one prints local variables, and those hold bodies and keys."""
        return self.formatException(record.exc_info) if record.exc_info else ""


class JsonFormatter(MaskingFormatter):
    """An object a line: `event`, `level`, `logger`, the fields, `timestamp`, and `exception` with a traceback."""

    def line(self, record: logging.LogRecord) -> str:
        said = {"event": record.getMessage(), "level": record.levelname.lower(), "logger": record.name}
        said |= self.fields(record)
        said["timestamp"] = self.time(record)
        if trace := self.trace(record):
            said["exception"] = trace
        return json.dumps(said, default=repr)


class TextFormatter(MaskingFormatter):
    """Columns for people, then the fields in the order of their names; a traceback follows on lines of its own."""

    def line(self, record: logging.LogRecord) -> str:
        level = f"[{record.levelname.lower():{LEVEL_WIDTH}}]"
        said = [self.time(record), level, f"{record.getMessage():{EVENT_WIDTH}}", f"[{record.name}]"]
        said += (f"{key}={_shown(value)}" for key, value in sorted(self.fields(record).items()))
        return "\n".join(filter(None, (" ".join(said), self.trace(record))))


def _shown(value: object) -> str:
    return value if isinstance(value, str) and not QUOTED.intersection(value) else repr(value)


def config(*, level: str, as_json: bool) -> dict[str, Any]:
    """The dictConfig for one process."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"masked": {"()": JsonFormatter if as_json else TextFormatter}},
        "filters": {"redis": {"()": RedisNoise}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "masked", "filters": ["redis"]}
        },
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

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import PurePosixPath

import pytest

from nexus_project import logs

SECRET = "sk-ant-api03-marker"


@dataclass
class Log:
    """A logger of its own that writes as a process writes its log."""

    logger: logging.Logger
    written: StringIO


def make_log(*, as_json: bool) -> Log:
    options = dict(logs.config(level="info", as_json=as_json)["formatters"]["masked"])
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(options.pop("()")(**options))
    logger = logging.Logger("test")  # noqa: LOG001 - one that the suite's own handlers do not see
    logger.addHandler(handler)
    return Log(logger, stream)


@pytest.fixture(params=[True, False], ids=["json", "text"])
def log(request: pytest.FixtureRequest) -> Log:
    return make_log(as_json=request.param)


def test_a_secret_in_text_field_argument_or_traceback_is_masked(log: Log) -> None:
    local = SECRET
    log.logger.info("a %s", SECRET, extra={"note": f"x {SECRET} y", "api_key": "marker", "harmless": "kept"})
    try:
        raise ValueError(local)
    except ValueError:
        log.logger.exception("failed")

    written = log.written.getvalue()
    assert "marker" not in written
    assert "kept" in written
    assert "Traceback" in written
    assert "ValueError: sk-ant-****" in written


def test_a_json_line_has_time_level_logger_and_fields_and_no_task_arguments() -> None:
    log = make_log(as_json=True)

    log.logger.warning("event", extra={"domain": "a.example", "data": "a task's arguments"})

    line = json.loads(log.written.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "event", "level": "warning", "logger": "test", "domain": "a.example"}


def test_a_text_line_has_columns_and_then_the_fields_by_name() -> None:
    log = make_log(as_json=False)

    log.logger.warning("part.%s", "event", extra={"why": "it's away", "count": 3, "domain": "a.example"})

    time, line = log.written.getvalue().split(" ", 1)
    assert datetime.fromisoformat(time).tzinfo is UTC
    assert (
        line
        == '[warning  ] part.event                     [test] count=3 domain=a.example why="it\'s away"\n'
    )


def test_a_traceback_shows_no_local_variable(log: Log) -> None:
    body = "a conversation"[::-1]
    try:
        raise ValueError(len(body))
    except ValueError:
        log.logger.exception("failed")

    assert "raise ValueError(len(body))" in log.written.getvalue()
    assert body not in log.written.getvalue()


def test_a_value_that_is_no_json_is_shown_as_python_does(log: Log) -> None:
    log.logger.info("event", extra={"path": PurePosixPath("/a")})

    assert "PurePosixPath('/a')" in log.written.getvalue()


def test_the_stack_is_shown_where_it_was_asked_for(log: Log) -> None:
    log.logger.info("event", stack_info=True)

    assert "Stack (most recent call last)" in log.written.getvalue()


def test_the_level_is_the_given_one_but_debugging_is_nexus_own() -> None:
    debugging = logs.config(level="debug", as_json=False)
    quiet = logs.config(level="warning", as_json=False)

    assert (debugging["root"]["level"], debugging["loggers"]["nexus"]["level"]) == ("INFO", "DEBUG")
    assert (quiet["root"]["level"], quiet["loggers"]["nexus"]["level"]) == ("WARNING", "WARNING")

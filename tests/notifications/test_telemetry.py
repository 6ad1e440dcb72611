from collections.abc import Iterator
from contextlib import closing

import pytest
from pytest_django.fixtures import Settings

from nexus_project.demo.serving import free_socket
from proxy.store.notifications import telemetry
from proxy.store.notifications.redis_link import connection
from proxy.store.notifications.tasks import send_telemetry
from tests.notifications.collector import Collector, serve
from tests.notifications.stored import STARTED_AT, call, exchange, failure


@pytest.fixture
def collector(settings: Settings) -> Iterator[Collector]:
    with serve() as running:
        settings.TELEMETRY_ENDPOINT = running.url
        yield running


def counted() -> tuple[int, int]:
    values = connection().hgetall(telemetry.COUNTERS)
    return int(values.get("delivered", 0)), int(values.get("failed", 0))


def test_a_report_has_the_predecessors_fields() -> None:
    stored = exchange(calls=(call("Read"), call("Bash")))

    assert telemetry.report(stored) == {
        "requestId": str(stored.exchange_id),
        "timestamp": round(STARTED_AT.timestamp() * 1000),
        "domain": "api.example.com",
        "apiKey": "****",
        "model": "claude-sonnet-4-5",
        "inputTokens": 12,
        "outputTokens": 34,
        "duration": 1200,
        "status": 200,
        "toolCallCount": 2,
        "requestType": "inference",
    }


def test_a_failure_is_reported_masked_and_short() -> None:
    reported = telemetry.report(failure(error_message="bad key sk-ant-api03-PLANTED000000 " + "x" * 900))

    error = str(reported["error"])
    assert error.startswith("bad key sk-ant-****")
    assert len(error) == telemetry.ERROR_LIMIT


def test_a_failure_without_words_is_reported_by_its_type() -> None:
    assert telemetry.report(failure(error_message=""))["error"] == "overloaded_error"


def test_unknown_tokens_are_reported_as_0() -> None:
    reported = telemetry.report(exchange(counts=None))

    assert (reported["inputTokens"], reported["outputTokens"]) == (0, 0)


def test_each_request_is_one_post(collector: Collector) -> None:
    reports = [telemetry.report(exchange()), telemetry.report(failure())]

    send_telemetry(reports)

    assert collector.reports() == reports
    assert counted() == (2, 0)


def test_an_endpoint_that_refuses_is_counted(collector: Collector) -> None:
    collector.status = 503

    send_telemetry([telemetry.report(exchange())])

    assert counted() == (0, 1)


def test_an_endpoint_that_is_down_costs_a_batch_one_try(settings: Settings) -> None:
    with closing(free_socket()) as reserved:
        settings.TELEMETRY_ENDPOINT = f"http://127.0.0.1:{reserved.getsockname()[1]}/collect"

    send_telemetry([telemetry.report(exchange())] * 3)

    assert counted() == (0, 3)


@pytest.mark.parametrize(
    ("enabled", "endpoint", "on"),
    [(True, "http://a.b", True), (False, "http://a.b", False), (True, "", False)],
)
def test_telemetry_is_on_with_an_endpoint_and_not_switched_off(
    settings: Settings, enabled: bool, endpoint: str, on: bool
) -> None:
    settings.TELEMETRY_ENABLED = enabled
    settings.TELEMETRY_ENDPOINT = endpoint

    assert telemetry.is_on() is on

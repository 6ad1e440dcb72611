"""The console report of the tokens per domain (docs/predecessor.md#console-report)."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from proxy.store import tasks
from proxy.store.models import DomainTotal
from proxy.store.token_report import report, uptime
from proxy.token_stats import DomainStats


def stats(requests: int, tokens: int) -> DomainStats:
    return DomainStats(
        inputTokens=tokens,
        outputTokens=2 * tokens,
        cacheReadInputTokens=0,
        cacheCreationInputTokens=0,
        requestCount=requests,
        queryEvaluationCount=1,
        inferenceCount=requests - 1,
        toolCallCount=3,
        lastUpdated=0,
    )


def test_e0_the_report_has_ninety_columns_a_row_for_each_domain_and_a_total() -> None:
    lines = report(
        {"b.example": stats(4, 100), "a.example": stats(2, 10)}, timedelta(seconds=61)
    ).splitlines()

    assert max(map(len, lines)) == 90
    assert lines[0].split() == ["Domain", "Reqs", "Query", "Infer", "Tools", "Input", "Output", "Total"]
    assert lines[2].split() == ["a.example", "2", "1", "1", "3", "10", "20", "30"]
    assert lines[5].split() == ["TOTAL", "6", "2", "4", "6", "110", "220", "330"]
    assert lines[6] == "up 1m 1s"


def test_a_report_of_nothing_is_a_total_of_nothing() -> None:
    assert report({}, timedelta(0)).splitlines()[3].split() == ["TOTAL", *"0000000"]


@pytest.mark.parametrize(
    ("up", "said"),
    [
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "1d 2h 3m 4s"),
        (timedelta(hours=5), "5h 0m 0s"),
        (timedelta(0), "0s"),
    ],
)
def test_the_uptime_leaves_out_what_does_not_count_yet(up: timedelta, said: str) -> None:
    assert uptime(up) == said


@pytest.mark.django_db
@pytest.mark.parametrize(("age_seconds", "said"), [(1, 1), (60, 0)])
def test_e0_the_report_comes_while_there_is_traffic(
    caplog: pytest.LogCaptureFixture, age_seconds: int, said: int
) -> None:
    DomainTotal.objects.create(
        domain="a.example", requests=3, last_at=datetime.now(UTC) - timedelta(seconds=age_seconds)
    )

    with caplog.at_level(logging.INFO, "nexus.tokens"):
        tasks.token_report()

    assert len([line for line in caplog.messages if "a.example" in line]) == said


@pytest.mark.django_db
def test_e0_the_report_comes_once_more_when_a_worker_ends(caplog: pytest.LogCaptureFixture) -> None:
    DomainTotal.objects.create(domain="a.example", requests=3, last_at=datetime(2026, 1, 1, tzinfo=UTC))

    with caplog.at_level(logging.INFO, "nexus.tokens"):
        tasks.last_token_report()

    assert "a.example" in caplog.text


def test_a_worker_ends_without_a_database_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("proxy.token_stats.all_domains", gone)

    with caplog.at_level(logging.INFO):
        tasks.last_token_report()

    assert "tokens.database_down" in caplog.text

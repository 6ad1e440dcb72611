"""The table of metrics is whole in itself, and in step with what it is about."""

import pytest
from django.db import connection

from dashboard.api.resources.stats import Stats
from dashboard.queries.sums.figures import Figures
from proxy.metric_names import STATS_NAMES, TOKEN_STATS_NAMES
from proxy.metrics import BILLED, BY_NAME, DERIVED, METRICS, OF_TYPE, SUMS, SUMS_OF_DOMAIN
from proxy.store.models import DayRollup, DomainTotal, Rollup
from proxy.wire.billing.usage import COUNT_COLUMNS


def test_what_is_billed_stands_where_an_exchange_has_it() -> None:
    assert [*BILLED] == [*COUNT_COLUMNS, "cost_usd"]
    assert [source.place for source in BILLED.values()] == [1, 2, 3, 4, 5]


def test_each_name_is_that_of_a_metric() -> None:
    parts = {part for source in DERIVED.values() for part in source.parts}

    assert len(BY_NAME) == len(METRICS)
    assert STATS_NAMES.keys() | TOKEN_STATS_NAMES.keys() | parts <= BY_NAME.keys()
    assert parts <= {*SUMS}
    assert TOKEN_STATS_NAMES.keys() <= {*SUMS_OF_DOMAIN}


def test_every_table_of_sums_has_a_column_for_each() -> None:
    columns = [
        {field.attname for field in model._meta.concrete_fields} for model in (Rollup, DayRollup, DomainTotal)
    ]

    assert all({*SUMS} <= names for names in columns)
    assert {*OF_TYPE} <= columns[2]


def test_what_is_shown_has_a_field_and_a_sentence() -> None:
    shown = [metric for metric in METRICS if metric.shown]

    assert {metric.stats_name for metric in shown} <= Stats.model_fields.keys()
    assert [metric.name for metric in shown if not hasattr(Figures(), metric.name)] == []
    assert {metric.name for metric in METRICS if not metric.shown} & STATS_NAMES.keys() == set()
    assert [metric.name for metric in METRICS if not metric.help or metric.help.endswith(".")] == []


@pytest.mark.django_db
def test_days_follow_hours_in_every_sum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname LIKE 'nexus\\_days\\_after\\_%'")
        functions = [source for (source,) in cursor.fetchall()]

    assert len(functions) == 3
    assert [name for name in SUMS if not all(f"sum(sign * {name})" in source for source in functions)] == []

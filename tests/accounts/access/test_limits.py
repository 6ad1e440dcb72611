"""Which limits hold for a request, when periods begin and end, and how the table becomes rules."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.access.limits import PERIODS, Period, Rule, Rules, begin, dollars, end, millionths, spent_key
from accounts.models.limits import Limit, read_rules
from accounts.snapshot.build import combine, database_version, from_database
from nexus_project.operations.grants import WORKER
from tests.accounts.people import make_client_key, make_domain, make_limit
from tests.roles import acting_as, as_owner

ORGANISATION, DOMAIN, KEY = Rule("organisation", "o"), Rule("domain:a.example", "d"), Rule("key:7", "k")


@pytest.mark.parametrize(
    ("period", "today", "first", "after"),
    [
        ("day", date(2026, 12, 31), date(2026, 12, 31), date(2027, 1, 1)),
        ("week", date(2026, 11, 29), date(2026, 11, 23), date(2026, 11, 30)),
        ("week", date(2026, 11, 30), date(2026, 11, 30), date(2026, 12, 7)),
        ("month", date(2026, 1, 31), date(2026, 1, 1), date(2026, 2, 1)),
        ("month", date(2026, 12, 1), date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_when_a_period_begins_and_ends(period: Period, today: date, first: date, after: date) -> None:
    assert (begin(period, today), end(period, today)) == (first, after)


@given(st.dates(min_value=date(2020, 1, 1), max_value=date(2100, 1, 1)), st.sampled_from(PERIODS))
def test_every_day_lies_in_one_period(today: date, period: Period) -> None:
    assert begin(period, today) <= today < end(period, today)
    assert begin(period, end(period, today)) == end(period, today)
    assert spent_key("s", period, today) != spent_key("s", period, end(period, today))


def test_money_in_whole_millionths() -> None:
    assert millionths(Decimal("0.0000001")) == 1
    assert millionths(Decimal("12.5")) == 12_500_000
    assert [dollars(item) for item in (0, 2_500, 12_500_000)] == ["$0.00", "$0.0025", "$12.50"]


def test_which_limits_hold_for_a_request() -> None:
    rules = Rules(ORGANISATION, {"a.example": DOMAIN}, {"7": KEY})

    assert rules
    assert not Rules()
    assert rules.all() == [ORGANISATION, DOMAIN, KEY]
    assert rules.of("a.example", "7", known=True) == (ORGANISATION, DOMAIN, KEY)
    assert rules.of("b.example", "8", known=True) == (ORGANISATION,)
    assert rules.of("a.example", "", known=False) == (DOMAIN,)
    assert Rules().all() == []


@pytest.mark.django_db
def test_the_rows_become_rules_and_count_as_a_change_of_access() -> None:
    row, _ = make_client_key(name="ci")
    before = database_version()
    make_limit(usd_per_day=Decimal("1.50"), usd_per_month=20)
    make_limit(domain=make_domain(), requests_per_minute=60)
    make_limit(client_key=row, tokens_per_minute=1000, concurrent_streams=3)

    rules = from_database().limits

    assert rules.organisation == Rule(
        "organisation", "the organisation", caps=(("day", 1_500_000), ("month", 20_000_000))
    )
    assert rules.domains == {"a.example": Rule("domain:a.example", "domain a.example", 60)}
    label = "client key “ci” of a.example"
    assert rules.client_keys == {str(row.pk): Rule(f"key:{row.pk}", label, None, 1000, 3)}
    assert combine(from_database(), {}).limits == rules
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert database_version() != before


@pytest.mark.django_db
def test_the_worker_may_read_them() -> None:
    make_limit(client_key=make_client_key()[0], usd_per_day=1)

    with acting_as(WORKER):
        assert len(read_rules().client_keys) == 1


@pytest.mark.django_db
def test_a_scope_has_one_row() -> None:
    row, _ = make_client_key()
    make_limit()

    with pytest.raises(IntegrityError, match="limit_once_per_scope"), transaction.atomic():
        make_limit()
    with pytest.raises(IntegrityError, match="limit_of_one_scope"), transaction.atomic():
        make_limit(domain=row.domain, client_key=row)
    with as_owner(), pytest.raises(ValidationError, match="There is a limit of this already"):
        Limit().full_clean()


@pytest.mark.django_db
def test_what_a_limit_may_be() -> None:
    with as_owner(), pytest.raises(ValidationError) as refused:
        Limit(requests_per_minute=0, tokens_per_minute=0, concurrent_streams=0, usd_per_day=-1).full_clean()

    assert set(refused.value.message_dict) == {
        "requests_per_minute",
        "tokens_per_minute",
        "concurrent_streams",
        "usd_per_day",
    }
    Limit(usd_per_day=0).clean_fields()

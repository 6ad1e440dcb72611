from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Domain
from proxy.histograms import DURATIONS
from proxy.record import OUTCOMES, Record
from proxy.store.ingest import batch as ingest
from proxy.store.models import DomainTotal, Exchange, Rollup
from proxy.store.sums.definitions import UNKNOWN_DOMAIN
from tests.roles import as_owner
from tests.store.records import ask, make_batch, make_closing, make_head, make_record, say

pytestmark = pytest.mark.django_db


def test_the_totals_of_a_domain_add_up_over_batches(prices: None) -> None:
    ingest.ingest(make_batch(make_record(), make_record(ask(system=["a", "b"]))))
    failure = make_record(response=b"", closing=make_closing(outcome="upstream_error", status=529))
    ingest.ingest(make_batch(make_record(closing=make_closing(outcome="client_left")), failure))

    total = DomainTotal.objects.get(domain="a.example")

    assert (total.requests, total.stored, total.errors) == (4, 4, 1)
    assert (total.input_tokens, total.output_tokens, total.duration_ms) == (30, 15, 4 * 251)
    assert (total.query_evaluations, total.inferences) == (3, 1)
    assert total.cost_usd == Decimal("0.000315")


def test_the_last_moment_of_a_domain_never_goes_back() -> None:
    late, early = (datetime(2026, 11, day, tzinfo=UTC) for day in (9, 2))
    for moment in (late, early):
        ingest.ingest(make_batch(make_record(head=make_head(moment))))

    assert DomainTotal.objects.get().last_at == late


def test_unpriced_and_partial_exchanges_are_counted(prices: None) -> None:
    unpriced = make_record(ask(model="x"), say(model="x"))
    partial = make_record(response=b"", closing=make_closing(outcome="client_left"))

    ingest.ingest(make_batch(unpriced, partial, make_record()))

    total = DomainTotal.objects.get()
    assert (total.unpriced, total.partial) == (1, 1)


def test_each_hour_domain_account_model_and_type_has_its_own_rollup() -> None:
    changes: list[dict[str, object]] = [
        {},
        {"domain": "b.example"},
        {"account": "other"},
        {"target": "/v1/complete"},
    ]
    records = [make_record(head=make_head(**change)) for change in changes]
    records.append(make_record(head=make_head(datetime(2026, 11, 20, 13, tzinfo=UTC))))
    haiku = "claude-haiku-4-5"
    records.append(make_record(ask(model=haiku), say(model=haiku)))

    ingest.ingest(make_batch(*records))

    assert list(Rollup.objects.values_list("requests", flat=True)) == [1] * 6


TIMES = st.datetimes(datetime(2026, 9, 30), datetime(2026, 10, 2), timezones=st.just(UTC))
RECORDS = st.builds(
    lambda moment, domain, outcome, milliseconds, tokens: make_record(
        response=say(input_tokens=tokens),
        head=make_head(moment, domain=domain),
        closing=make_closing(outcome=outcome, duration_ms=milliseconds),
    ),
    TIMES,
    st.sampled_from(["a.example", "b.example"]),
    st.sampled_from([outcome for outcome in OUTCOMES if outcome != "refused"]),
    st.floats(0, 10**6),
    st.integers(0, 1000),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=st.lists(st.lists(RECORDS, max_size=6), max_size=4))
def test_rollups_that_were_merged_equal_those_computed_from_the_rows(batches: list[list[Record]]) -> None:
    with as_owner():
        for model in (Exchange, Rollup, DomainTotal):
            model.objects.all().delete()
    for batch in batches:
        ingest.ingest(make_batch(*batch))
    rows = list(Exchange.objects.all())

    assert merged("hour", "domain") == Counter(
        (
            row.started_at.replace(minute=0, second=0, microsecond=0),
            row.domain,
            DURATIONS.bucket(row.duration_ms),
        )
        for row in rows
    )
    assert sum(item.input_tokens for item in Rollup.objects.all()) == sum(
        row.input_tokens or 0 for row in rows
    )


def merged(*key: str) -> Counter[tuple[object, ...]]:
    counts: Counter[tuple[object, ...]] = Counter()
    for rollup in Rollup.objects.all():
        for bucket, count in enumerate(rollup.durations):
            counts[(*(getattr(rollup, name) for name in key), bucket)] += count
    return +counts


def test_a_histogram_that_gained_buckets_still_adds_up() -> None:
    ingest.ingest(make_batch(make_record()))
    Rollup.objects.update(durations=[1, 2])

    ingest.ingest(make_batch(make_record(closing=make_closing(duration_ms=1))))

    assert Rollup.objects.get().durations == [2, 2] + [0] * (DURATIONS.buckets - 2)


def refused(domain: str, **changes: object) -> Record:
    closing = make_closing(**({"outcome": "refused", "status": 401} | changes))
    return make_record(ask(model=f"made-up-{domain}"), b"", head=make_head(domain=domain), closing=closing)


def test_refusals_of_unknown_hosts_share_one_row() -> None:
    passed_on = refused("c.example", outcome="upstream_error", status=401)

    ingest.ingest(make_batch(refused("a.example"), refused("b.example"), passed_on))

    assert DomainTotal.objects.get().domain == UNKNOWN_DOMAIN
    assert (Rollup.objects.get().model, Rollup.objects.get().requests) == ("", 3)
    assert set(Exchange.objects.values_list("domain", flat=True)) == {"a.example", "b.example", "c.example"}


def test_refusals_of_known_hosts_count_for_them() -> None:
    with as_owner():
        Domain.objects.create(name="configured.example")
    ingest.ingest(make_batch(make_record(head=make_head(domain="used.example"))))

    ingest.ingest(make_batch(refused("configured.example"), refused("used.example")))

    assert dict(DomainTotal.objects.values_list("domain", "errors")) == {
        "configured.example": 1,
        "used.example": 1,
    }

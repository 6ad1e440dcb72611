"""How PostgreSQL finds what ingest looks for, and the pieces of a body, on months of traffic."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction

from proxy.store.bodies.blobs import body_of
from proxy.store.ingest import batch as ingest
from proxy.store.models import Exchange, ExchangeBody
from tests.plans import END, months_of_traffic, statements_of
from tests.store.records import ask, make_batch, make_head, make_record


@pytest.fixture(scope="module")
def _traffic(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    with django_db_blocker.unblock(), months_of_traffic():  # type: ignore[attr-defined]  # pytest-django exports no type
        yield


@pytest.mark.usefixtures("_traffic")
def test_ingest_looks_into_the_month_of_its_exchanges_alone_and_finds_by_index() -> None:
    last = Exchange.objects.filter(session_id__gt="").latest("id")
    heads = [
        make_head(
            END + timedelta(seconds=n),
            domain=last.domain,
            headers=[("x-claude-code-session-id", last.session_id)],
        )
        for n in range(20)
    ]
    batch = make_batch(*(make_record(ask(f"{n}"), serial=n, head=head) for n, head in enumerate(heads, 1)))

    with transaction.atomic():
        statements = statements_of(lambda: ingest.ingest(batch))
        transaction.set_rollback(True)

    scans = [scan for statement in statements for scan in statement.scans]
    assert scans
    assert [scan for scan in scans if scan.how == "Seq Scan" and scan.rows] == []
    assert {scan.month for scan in scans if scan.rows} == {"2026_09"}
    assert sum(scan.rows for scan in scans) < 300


@pytest.mark.usefixtures("_traffic")
def test_a_body_with_a_chain_of_parents_is_read_from_its_month_by_index() -> None:
    child = ExchangeBody.objects.exclude(parent=None).order_by("id")[5000]

    scans = [
        scan for statement in statements_of(lambda: body_of(child.id, "request")) for scan in statement.scans
    ]

    assert scans
    assert [scan for scan in scans if scan.how == "Seq Scan" and scan.rows] == []
    assert len({scan.month for scan in scans if scan.rows}) == 1

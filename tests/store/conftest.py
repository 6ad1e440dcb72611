import pytest

from proxy.store.ingest import batch as ingest
from proxy.store.pricing import upgrade
from proxy.store.pricing.book import CachedBook
from tests.roles import as_owner
from tests.store.records import make_batch
from tests.store.transfers import all_kinds


@pytest.fixture(autouse=True)
def _fresh_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_prices", CachedBook())


@pytest.fixture
def prices(db: None) -> None:
    """The price table as a new database has it, also after a test that emptied every table."""
    with as_owner():
        upgrade.run()


@pytest.fixture
def traffic(prices: None) -> None:
    """Exchanges of every kind."""
    ingest.ingest(make_batch(*all_kinds()))

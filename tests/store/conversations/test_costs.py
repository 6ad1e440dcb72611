"""What a conversation costs is what its exchanges cost, also when prices came later or changed."""

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Count, Q, Sum

from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation, Exchange, Price
from tests import people
from tests.conversations.clients import Thread, World
from tests.roles import OWNER
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]


def of_exchanges() -> dict[str, Any]:
    """The same figures, summed up from the rows of exchanges."""
    states = {state: Count("id", filter=Q(cost_state=state)) for state in ("unpriced", "partial", "notional")}
    return dict(Exchange.objects.aggregate(cost_usd=Sum("cost_usd", default=Decimal(0)), **states))


def of_conversation() -> dict[str, Any]:
    return dict(Conversation.objects.values("cost_usd", "unpriced", "partial", "notional").get())


@pytest.fixture(autouse=True)
def _no_prices() -> None:
    Price.objects.all().delete()


def test_a_price_that_comes_later_moves_the_cost_of_its_conversations() -> None:
    world = World()
    thread = Thread(world)
    for words in ("one", "two", "three"):
        thread.ask(words, [{"type": "text", "text": words}])
    ingest.ingest(make_batch(*map(record_of, world.sent)))
    assert of_conversation() == of_exchanges()
    assert of_conversation()["unpriced"] == 3
    people.make_price("claude-sonnet-5")

    reprice.reprice(reprice.Asked())

    assert of_conversation() == of_exchanges()
    assert (of_conversation()["unpriced"], of_conversation()["cost_usd"] > 0) == (0, True)


def test_a_dry_run_moves_nothing() -> None:
    world = World()
    Thread(world).ask("one", [{"type": "text", "text": "two"}])
    ingest.ingest(make_batch(*map(record_of, world.sent)))
    people.make_price("claude-sonnet-5")

    reprice.reprice(reprice.Asked(dry_run=True))

    assert (of_conversation()["unpriced"], of_conversation()["cost_usd"]) == (1, 0)

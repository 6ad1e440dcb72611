"""Live events and streams of other domains reach nobody who is bound."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from dashboard.filters.filter import Filter
from dashboard.live import consumers
from dashboard.models import GroupDomains
from dashboard.queries import running
from dashboard.reading import Reader, reads
from tests.dashboard.live.test_consumers import cookie_of, event, opened, own_host, publish
from tests.dashboard.narrowing.domains import bound
from tests.roles import as_owner

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["own_host"]


@pytest.fixture
def ann(client: Client) -> bytes:
    client.force_login(bound("ann", "a.example"))
    return cookie_of(client)


async def domains(connection: Any) -> set[str]:
    await publish(event(identity="1"), event(identity="2", domain="b.example"))
    return {each["domain"] for each in (await connection.receive_json_from())["events"]}


@pytest.mark.parametrize("query", ["", "?domain=example"])
async def test_a_socket_tells_of_the_domains_of_its_reader(ann: bytes, query: str) -> None:
    connection = await opened(ann, f"/ws/live{query}")

    assert await domains(connection) == {"a.example"}
    await connection.disconnect()


async def test_a_socket_of_another_domain_hears_nothing(ann: bytes) -> None:
    connection = await opened(ann, "/ws/live?domain=b.example")

    await publish(event(domain="b.example"))

    assert await connection.receive_nothing(timeout=0.5)
    await connection.disconnect()


async def test_a_bond_that_changes_holds_for_open_sockets(
    ann: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SESSION_SECONDS", 0.1)
    connection = await opened(ann)

    await sync_to_async(bind)("b.example")

    async with asyncio.timeout(20):
        while await domains(connection) != {"b.example"}:
            pass  # each question takes a frame of the socket
    await connection.disconnect()


@as_owner()
def bind(*names: str) -> None:
    GroupDomains.objects.update(names=list(names))


@pytest.mark.parametrize("chosen", [Filter(), Filter(domain="example"), Filter(domain="b.example")])
def test_what_runs_is_told_of_the_domains_of_the_reader(
    monkeypatch: pytest.MonkeyPatch, chosen: Filter
) -> None:
    async def heard() -> list[Any]:
        return [event(identity="1"), event(identity="2", domain="b.example")]

    monkeypatch.setattr(running, "_listen", heard)

    with reads(Reader("ann", frozenset(["a.example"]))):
        found = running.running(chosen)

    assert [each["domain"] for each in found or []] == ([] if chosen.domain == "b.example" else ["a.example"])

"""A parameter that an endpoint cannot use is refused: a filter that is ignored gives figures of something else."""

import pytest
from django.test import Client

from dashboard.api.registry import api
from tests.dashboard.access.test_doors import DATA
from tests.people import reader

pytestmark = pytest.mark.django_db


def said(client: Client, path: str) -> str:
    response = client.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")
    return str(response.json()["error"]["message"])


def known(path: str) -> list[str]:
    """The query parameters of an endpoint, as the API describes itself."""
    described = api.get_openapi_schema()["paths"]
    what = "conversation_id" if "/conversations/" in path else "exchange_id"
    path = path.replace("/stops/7", "/stops/{stop_id}")
    pattern = path.replace("0193a000-0000-7000-8000-000000000001", f"{{{what}}}")
    operations = described[pattern.replace("/raw/request", "/raw/{side}")]
    operation = operations.get("get") or operations["delete"]
    return [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]


@pytest.mark.parametrize("path", DATA)
def test_every_endpoint_refuses_what_it_does_not_know_and_lists_what_it_does(
    program: Client, client: Client, path: str
) -> None:
    if path.startswith("/api/audit"):  # not for the key
        client.force_login(reader("ann", "view_figures", "manage_access", is_staff=True))
        program = client
    message = said(program, f"{path}?colour=red&until=2026-01-01")

    assert message.startswith("colour: there is no such parameter here.")
    names = known(path)
    assert f"Parameters: {', '.join(names)}." in message if names else "takes no parameters" in message


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=1&limit=2", "limit"),
        ("limit=x", "limit"),
        ("limit=0", "limit"),
        ("before=", "before"),
        ("Domain=a.example", "Domain"),
        ("%E2%82%AC=1", "€"),
        ("=1", ""),
        ("x" * 5000, "x" * 60 + ":"),
    ],
)
def test_the_message_names_the_parameter_and_the_known_ones(program: Client, query: str, name: str) -> None:
    message = said(program, f"/api/requests?{query}")

    assert message.startswith(name)
    assert message.endswith(f"Parameters: {', '.join(known('/api/requests'))}.")
    assert len(message) < 500


def test_a_time_outside_of_the_calendar_is_unusable(program: Client) -> None:
    message = said(program, "/api/stats?since=0001-01-01T00:00:00%2B14:00")

    assert message.startswith("since: ")
    assert message.endswith(f"Parameters: {', '.join(known('/api/stats'))}.")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=9xx", "status: it is no whole number"),
        ("q=secret", "q: there is no such parameter here."),
        ("period=fortnight", "period: it is none of 1h"),
        ("from=2026-01-02&to=2026-01-01", "to: it is not after from"),
    ],
)
def test_a_filter_that_cannot_be_used_is_refused_by_its_name(program: Client, query: str, words: str) -> None:
    message = said(program, f"/api/requests?{query}")

    assert message.startswith(words)
    assert "Parameters: period, from" in message


def test_strangers_hear_nothing_of_parameters(client: Client) -> None:
    assert client.get("/api/requests?model=x").status_code == 401


def test_what_is_known_still_works(program: Client) -> None:
    query = "domain=a.example&status=5xx&limit=5&offset=0&before=0193a000-0000-7000-8000-000000000001"

    assert program.get(f"/api/requests?{query}").status_code == 200

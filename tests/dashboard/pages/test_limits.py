"""The page of limits."""

import pytest
from django.test import Client

from tests.accounts.people import make_client_key, make_domain, make_limit

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("used")
def test_the_page_shows_what_is_used(signed_in: Client) -> None:
    page = signed_in.get("/dashboard/limits").content.decode()

    assert (
        '<td class="number">$2.50</td><td class="number">$0.5000</td><td class="number">$10.00</td>' in page
    )
    assert 'title="30%"' in page
    assert ">the organisation</th><td>USD per day</td>" in page
    assert '>domain a.example</th><td>requests per minute</td><td class="number">30</td>' in page
    assert '<td>at a time</td><td class="number">1</td>' in page
    assert 'aria-current="page">Limits<' in page


@pytest.fixture
def limited() -> None:
    """A limit of the organisation, of two domains, and of a key of one of them."""
    make_limit(usd_per_day=1)
    for name in ("a.example", "b.example"):
        make_limit(domain=make_domain(name), usd_per_day=1)
    make_limit(client_key=make_client_key("b.example", name="laptop")[0], usd_per_day=1)


EVERY = ["the organisation", "domain a.example", "domain b.example", "client key “laptop” of b.example"]


@pytest.mark.usefixtures("limited", "store")
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", EVERY),
        ("?domain=A.example", EVERY[1:2]),
        ("?domain=b.ex", EVERY[2:]),
        ("?domain=example", EVERY[1:]),
        ("?clientKey=laptop", EVERY[3:]),
        ("?clientKey=laptop&domain=a.example", []),
        ("?domain=nobody", []),
    ],
)
def test_page_and_api_have_the_limits_of_a_filter(
    signed_in: Client, program: Client, query: str, shown: list[str]
) -> None:
    page = signed_in.get(f"/dashboard/limits{query}").text
    listed = program.get(f"/api/limits{query}").json()["limits"]

    assert [limit["of"] for limit in listed] == shown
    assert [name for name in EVERY if f">{name}</th>" in page] == shown
    assert ("No such limit" in page) is (not shown)


@pytest.mark.usefixtures("store")
def test_what_no_limit_knows_is_said(signed_in: Client, program: Client) -> None:
    page = signed_in.get("/dashboard/limits?model=opus&period=24h").text

    assert "model: this page cannot be filtered by it" in page
    assert "period: this page cannot be filtered by it" in page
    assert "No limits</h2>" in page
    assert program.get("/api/limits?model=opus").status_code == 422

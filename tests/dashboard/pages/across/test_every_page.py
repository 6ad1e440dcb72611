"""What the lists have in common, and what they cost."""

import re

import pytest
from django.template import engines
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import people
from tests.dashboard.pages.shown import BY_HTMX, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/requests", "/dashboard/usage"])
def test_an_empty_page_says_how_to_send_traffic(signed_in: Client, path: str) -> None:
    page = text(signed_in, path)

    assert "No traffic yet" in page
    assert "export ANTHROPIC_BASE_URL=http://testserver:" in page


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/requests", "/dashboard/usage"])
def test_an_empty_domain_leads_back_to_all(signed_in: Client, path: str) -> None:
    people.make_exchange()

    page = text(signed_in, f"{path}?domain=nobody.example")

    assert "Nothing from nobody.example yet" in page
    assert '<a href="?domain=">all domains</a>' in page


@pytest.mark.parametrize(
    ("path", "queries", "by_htmx"),
    [
        ("/dashboard", 31, False),
        ("/dashboard", 27, True),
        ("/dashboard/requests", 12, False),  # three of them note who reads first words
        ("/dashboard/usage", 15, False),
    ],
)
def test_a_list_asks_few_questions_and_no_body(
    signed_in: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    path: str,
    queries: int,
    by_htmx: bool,
) -> None:
    for index in range(30):
        people.make_exchange(model=f"model-{index % 3}", domain=f"{index % 4}.example")

    # Two fewer where the process knows prices and the colours of models already.
    with django_assert_max_num_queries(queries) as captured:
        signed_in.get(path, headers=BY_HTMX if by_htmx else {})

    asked = " ".join(query["sql"] for query in captured.captured_queries).lower()
    assert "exchangebody" not in asked
    assert "proxy_blob" not in asked
    assert not re.search(r'count\(\*\)[^;]{0,40} from "proxy_exchange"', asked)


@pytest.mark.parametrize(
    "path", ["/dashboard", "/dashboard/requests", "/dashboard/usage", "/dashboard/login", "/nothing"]
)
def test_predecessor_defect_27_every_page_has_the_strict_policy(signed_in: Client, path: str) -> None:
    response = signed_in.get(path)

    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert b"style=" not in response.content
    assert response.content.count(b"<script") == response.content.count(b"<script src=")


def test_what_a_template_prints_has_to_exist() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"page\.no_answer"):
        engines["django"].from_string("{{ page.no_answer }}").render({"page": object()})

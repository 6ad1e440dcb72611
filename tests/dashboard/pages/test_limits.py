"""The page of limits."""

import pytest
from django.test import Client

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
    assert 'aria-current="page">Limits</a>' in page

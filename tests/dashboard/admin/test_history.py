"""What history points to cannot be deleted, and the admin says why; a credential that never paid says that it is untested."""

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from accounts.access.limits import redis_key
from accounts.models import Credential, Domain
from proxy.store.admin.history import WHY, WHY_DOMAIN
from tests import people
from tests.accounts.people import make_client_key, make_limit

pytestmark = pytest.mark.django_db
CREDENTIALS, DOMAINS = "/admin/accounts/credential/", "/admin/accounts/domain/"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


@pytest.fixture
def paid() -> Credential:
    """One whose account is in the sums."""
    row = people.make_credential(people.make_domain(), name="team")
    people.make_exchange(account="team")
    return row


def test_a_credential_that_paid_is_kept_and_its_page_says_why(operator: Client, paid: Credential) -> None:
    page = operator.get(f"{CREDENTIALS}{paid.pk}/change/").text
    refused = operator.post(f"{CREDENTIALS}{paid.pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [paid.pk], "post": "yes"}
    listed = operator.post(CREDENTIALS, chosen)

    assert escape(WHY) in page
    assert "deletelink" not in page
    assert refused.status_code == 403
    assert escape(WHY) in listed.text
    assert Credential.objects.filter(pk=paid.pk).exists()


def test_a_domain_with_requests_is_kept_with_all_that_belongs_to_it(
    operator: Client, paid: Credential
) -> None:
    assert escape(WHY_DOMAIN) in operator.get(f"{DOMAINS}{paid.domain_id}/change/").text
    assert operator.post(f"{DOMAINS}{paid.domain_id}/delete/", {"post": "yes"}).status_code == 403
    assert Domain.objects.filter(pk=paid.domain_id).exists()


def test_what_was_never_used_can_be_deleted(operator: Client) -> None:
    row = people.make_credential(people.make_domain(), name="typo")
    operator.post(f"{CREDENTIALS}{row.pk}/delete/", {"post": "yes"})
    operator.post(f"{DOMAINS}{row.domain_id}/delete/", {"post": "yes"})

    assert not Credential.objects.exists()
    assert not Domain.objects.exists()


def test_a_credential_is_untested_until_it_paid(operator: Client, paid: Credential) -> None:
    people.make_credential(people.make_domain("b.example"), name="new")
    shown = operator.get(CREDENTIALS).text

    assert shown.count("state-untested") == 1
    assert "It paid for no request yet" in shown
    untested = operator.get(f"{CREDENTIALS}?state=untested").context["cl"].result_list
    assert [row.name for row in untested] == ["new"]
    assert [row.name for row in operator.get(f"{CREDENTIALS}?state=valid").context["cl"].result_list] == [
        "team"
    ]


def test_the_limits_of_a_key_stand_beside_it(operator: Client, store: redis.Redis) -> None:
    key, _ = make_client_key(name="laptop")
    make_client_key(name="free")
    make_limit(client_key=key, concurrent_streams=4, usd_per_day=20)
    store.zadd(redis_key(f"key:{key.pk}", "streams"), {"runs": 9e15})
    shown = operator.get("/admin/accounts/clientkey/").text

    assert "1 / 4 at a time" in shown
    assert "20 USD per day" in shown
    assert shown.count('class="limit"') == 2
    assert "1 / 4 at a time" in operator.get(f"/admin/accounts/clientkey/{key.pk}/change/").text

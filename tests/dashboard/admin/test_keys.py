"""Client keys are revoked and rotated, never deleted; what is limited and counted for a key outlives its secret."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.access import keys
from accounts.access.decision import Claim, Denied, decide
from accounts.access.hosts import parse_host
from accounts.access.inbound import read_credentials
from accounts.access.limits import key_scope
from accounts.models import ClientKey, Domain
from accounts.models.limits import read_rules
from accounts.snapshot.build import from_database
from proxy.store.models import Spend
from proxy.store.sums import spend
from tests.accounts.people import make_api_key, make_client_key, make_limit
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/clientkey/"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


def act(operator: Client, action: str, key: ClientKey, *, confirmed: bool = True) -> str:
    chosen = {"action": action, "_selected_action": [key.pk]} | ({"confirmed": "yes"} if confirmed else {})
    return operator.post(LIST, chosen, follow=True).content.decode()


def opens(secret: str) -> str:
    """The reference by which records and limits name the key."""
    claim = Claim(parse_host("a.example"), read_credentials([(b"x-api-key", secret.encode())]))
    return decide(from_database(), claim, timezone.now().timestamp()).client_key


def test_keys_are_revoked_after_a_page_that_asks(operator: Client) -> None:
    key, _ = make_client_key()

    asked = act(operator, "revoke", key, confirmed=False)
    before = ClientKey.objects.get().revoked_at
    said = act(operator, "revoke", key)

    assert "Revoke 1 client key?" in asked
    assert before is None
    assert ClientKey.objects.get().revoked_at is not None
    assert "1 key revoked" in said


def test_a_rotated_key_gets_a_secret_that_is_shown_once(operator: Client) -> None:
    key, old = make_client_key(name="ci", owner="platform", expires_at=timezone.now())

    asked = act(operator, "rotate", key, confirmed=False)
    page = act(operator, "rotate", key)

    assert "Rotate 1 client key?" in asked
    (shown,) = re.findall(r"cnp_live_[\w-]+", page)
    row = ClientKey.objects.get()
    assert (row.pk, row.digest, row.hint) == (key.pk, keys.digest(shown), shown[-4:])
    assert (row.name, row.owner, row.expires_at, row.created_at) == (
        key.name,
        key.owner,
        key.expires_at,
        key.created_at,
    )
    assert row.rotated_at is not None
    [said] = LogEntry.objects.values_list("change_message", flat=True)
    assert f"…{shown[-4:]} took the place of …{old[-4:]}" in said
    assert shown not in said + operator.get(LIST).content.decode()


def test_rotation_keeps_limits_and_what_was_spent_and_closes_the_old_secret(operator: Client) -> None:
    make_api_key()
    key, old = make_client_key(name="ci")
    make_limit(client_key=key, requests_per_minute=3, usd_per_day=5)
    today = datetime.now(UTC).date()
    with as_owner():
        Spend.objects.create(
            day=today, domain="a.example", client_key=opens(old), known=True, cost_usd=4, estimated_usd=0
        )

    (new,) = re.findall(r"cnp_live_[\w-]+", act(operator, "rotate", key))

    rule = read_rules().client_keys[opens(new)]
    assert (rule.requests_per_minute, rule.caps) == (3, (("day", 5_000_000),))
    assert spend.sums(today)[key_scope(opens(new))]["day"] == Decimal(4)
    with pytest.raises(Denied):
        opens(old)


def test_a_revoked_key_is_not_rotated(operator: Client) -> None:
    key, secret = make_client_key(revoked_at=timezone.now())
    chosen = {"action": "rotate", "_selected_action": [key.pk], "confirmed": "yes"}

    page = operator.post(f"{LIST}?state=revoked", chosen, follow=True).content.decode()

    assert "add a new key" in page
    assert ClientKey.objects.get().digest == keys.digest(secret)


def test_revoked_keys_are_hidden_by_default_and_say_so_first(operator: Client) -> None:
    make_client_key(name="in-use")
    make_client_key(name="given-back", revoked_at=timezone.now())
    make_client_key(name="over", expires_at=timezone.now())

    pages = {
        choice: operator.get(LIST + choice).content.decode()
        for choice in ("", "?state=revoked", "?state=all")
    }

    names = {
        choice: set(re.findall("in-use|given-back|over(?=</a>)", page)) for choice, page in pages.items()
    }
    assert names == {
        "": {"in-use", "over"},
        "?state=revoked": {"given-back"},
        "?state=all": {"in-use", "given-back", "over"},
    }
    row = pages["?state=revoked"].partition("<tbody>")[2]
    assert row.index("state-revoked") < row.index("given-back</a>")
    assert "state-expired" in pages[""]
    assert "state-valid" in pages[""]


def test_a_change_of_a_key_undoes_no_revocation_meanwhile(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = make_client_key(name="ci")
    save = ClientKey.save

    def revoked_first(self: ClientKey, **options: object) -> None:
        ClientKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
        save(self, **options)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(ClientKey, "save", revoked_first)
    form = {"domain": key.domain_id, "name": "new", "limit-TOTAL_FORMS": 0, "limit-INITIAL_FORMS": 0}
    operator.post(f"{LIST}{key.pk}/change/", form)

    row = ClientKey.objects.get()
    assert row.name == "new"
    assert row.revoked_at is not None


def test_a_key_is_deleted_only_with_its_domain(operator: Client) -> None:
    key, _ = make_client_key(revoked_at=timezone.now())

    refused = operator.post(f"{LIST}{key.pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"}
    operator.post(f"{LIST}?state=all", chosen)
    kept = ClientKey.objects.exists()
    operator.post(f"/admin/accounts/domain/{key.domain_id}/delete/", {"post": "yes"})

    assert refused.status_code == 403
    assert kept
    assert not Domain.objects.exists()

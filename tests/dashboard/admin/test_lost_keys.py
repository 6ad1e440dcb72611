"""A row that no key of FIELD_ENCRYPTION_KEYS decrypts can be given new secrets, or be deleted."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.conf import settings as original
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.fields import UnreadableSecret
from accounts.groups import ANALYST
from accounts.models import ClientKey, Credential, Domain
from tests import people
from tests.dashboard.admin.test_credentials import LIST, OTHER_KEY, act, form_of, make_pair
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
WRITTEN_BY = list(original.FIELD_ENCRYPTION_KEYS)
HOOK = "https://hooks.example/lost"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


@pytest.fixture
def lost(settings: LazySettings) -> Credential:
    """A credential whose secrets, and whose domain's, were written by a key that is gone."""
    row = make_pair(
        people.make_domain(slack_webhook_url=HOOK), document='{"type": "oauth"}', api_key="sk-ant-api03-x"
    )
    ClientKey(domain=row.domain, name="ci").issue()
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    return row


@pytest.fixture
def analyst() -> Client:
    """Who may look and nothing else."""
    person, client = User.objects.create_user("anna", is_staff=True), Client()
    person.groups.add(Group.objects.get(name=ANALYST))
    client.force_login(person)
    return client


def stored(row: Credential) -> Credential:
    with as_owner():
        return Credential.objects.get(pk=row.pk)


def pages(row: Credential) -> Iterator[str]:
    """The lists, and every page of the row, its domain and a client key."""
    for kind, pk in (
        ("domain", row.domain_id),
        ("credential", row.pk),
        ("clientkey", ClientKey.objects.get().pk),
    ):
        yield from (f"/admin/accounts/{kind}/{path}" for path in ("", f"{pk}/change/", f"{pk}/history/"))


def test_every_page_about_it_is_shown_without_a_secret(operator: Client, lost: Credential) -> None:
    assert "state-invalid" in operator.get(LIST).text
    form = operator.get(f"{LIST}{lost.pk}/change/")
    assert form.status_code == 200
    assert "No key of FIELD_ENCRYPTION_KEYS decrypts what is stored" in form.text
    assert "state-invalid" in form.text
    assert "state-valid" not in form.text
    assert "state-untested" not in form.text
    assert "gAAAA" not in form.text  # how a Fernet token begins
    forms = [page for page in pages(lost) if "/change/" in page and "clientkey" not in page]
    deletions = [page.replace("/change/", "/delete/") for page in forms]
    for page in (*pages(lost), *deletions):
        response = operator.get(page)
        assert response.status_code == 200, page
        assert "gAAAA" not in response.text


def test_an_analyst_sees_what_is_wrong_and_can_change_nothing(analyst: Client, lost: Credential) -> None:
    for page in pages(lost):
        response = analyst.get(page)
        assert response.status_code == 200, page
        assert "gAAAA" not in response.text

    assert "state-invalid" in analyst.get(LIST).text
    form = analyst.get(f"{LIST}{lost.pk}/change/").text
    assert form.count("unreadable") == 3  # the API key and both tokens
    assert "put the key that wrote it back" in form
    assert 'type="password"' not in form
    assert analyst.get(f"{LIST}{lost.pk}/delete/").status_code == 403
    response = analyst.post(f"{LIST}{lost.pk}/change/", form_of(lost, refresh_token="sk-ant-ort01-new"))
    assert response.status_code == 403
    with pytest.raises(UnreadableSecret):
        stored(lost)


@pytest.mark.parametrize("typed", ["refresh_token", "access_token"])
def test_a_new_secret_makes_it_readable(operator: Client, lost: Credential, typed: str) -> None:
    response = operator.post(f"{LIST}{lost.pk}/change/", form_of(lost, **{typed: "sk-ant-ort01-new"}))

    row = stored(lost)
    assert response.status_code == 302
    assert getattr(row, typed) == "sk-ant-ort01-new"
    assert row.document == row.api_key == ""


def test_without_a_new_secret_nothing_is_given_up(
    operator: Client, lost: Credential, settings: LazySettings
) -> None:
    response = operator.post(f"{LIST}{lost.pk}/change/", form_of(lost, name="renamed"))

    assert response.status_code == 200
    assert "OAuth needs an access token" in response.text
    with pytest.raises(UnreadableSecret):
        stored(lost)
    settings.FIELD_ENCRYPTION_KEYS = WRITTEN_BY
    assert stored(lost).refresh_token == "sk-ant-ort01-old"


def test_the_row_and_its_domain_can_be_deleted(operator: Client, lost: Credential) -> None:
    people.make_credential(lost.domain, name="second")

    operator.post(f"{LIST}{lost.pk}/delete/", {"post": "yes"})
    assert list(Credential.objects.values_list("name", flat=True)) == ["second"]
    operator.post(f"/admin/accounts/domain/{lost.domain_id}/delete/", {"post": "yes"})
    assert not Domain.objects.exists()


def test_a_refresh_still_says_that_no_key_decrypts_it(operator: Client, lost: Credential) -> None:
    assert "put the key that wrote it back" in act(operator, "refresh_now", lost)

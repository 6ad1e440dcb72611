import pytest
from cryptography.fernet import Fernet
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.fields import UnreadableSecret, decrypt, encrypt
from accounts.models import Credential
from tests.accounts.people import make_api_key, make_domain, make_oauth
from tests.roles import as_owner

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@given(st.text(min_size=1))
def test_what_was_encrypted_is_read_back(plain: str) -> None:
    assert decrypt(encrypt(plain)) == plain
    assert encrypt(plain) != encrypt(plain)


def test_the_first_key_encrypts_and_all_decrypt(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    token = encrypt("secret")

    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt(token) == "secret"
    assert Fernet(NEW).decrypt(encrypt("secret")) == b"secret"


@pytest.mark.parametrize("token", ["", "plain text", "gAAAAA", "ü"])
def test_a_value_that_no_key_decrypts_names_the_setting_and_not_the_value(token: str) -> None:
    with pytest.raises(UnreadableSecret, match="FIELD_ENCRYPTION_KEYS") as caught:
        decrypt(token)

    assert "plain text" not in str(caught.value)


def columns(pk: int) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_credential JOIN accounts_domain d ON d.id = domain_id")
        return tuple(str(value) for value in cursor.fetchone())


@pytest.mark.django_db
def test_predecessor_defect_22_no_token_or_key_is_in_the_database_in_clear() -> None:
    make_domain(slack_webhook_url="https://hooks.slack.com/services/marker")
    row = make_oauth(access_token="marker-a", refresh_token="marker-r", api_key="marker-k")

    stored = " ".join(columns(row.pk))

    assert "a.example" in stored
    assert "marker" not in stored
    row.refresh_from_db()
    assert (row.access_token, row.refresh_token, row.api_key) == ("marker-a", "marker-r", "marker-k")
    assert row.domain.slack_webhook_url.endswith("/marker")


@pytest.mark.django_db
def test_an_update_of_many_rows_encrypts_as_well_and_empty_stays_empty() -> None:
    row = make_api_key()

    with as_owner():
        Credential.objects.update(api_key="marker")

    assert "marker" not in " ".join(columns(row.pk))
    row.refresh_from_db()
    assert (row.api_key, row.access_token) == ("marker", "")

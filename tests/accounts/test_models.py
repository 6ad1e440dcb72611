from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.access import keys
from accounts.models import AccessVersion, ClientKey, Credential, Domain, validate_domain
from accounts.snapshot.build import database_version
from tests.accounts.people import make_api_key, make_client_key, make_domain, make_limit, make_oauth
from tests.roles import as_owner

END = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a.example", "localhost:3000", "[::1]:3000", "127.0.0.1", "*.a.example"])
def test_a_domain_has_the_name_that_a_host_header_is_read_as(name: str) -> None:
    validate_domain(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("A.example", "Write it as a.example"),
        ("../a", "Give a host name"),
        ("[0::1]", r"Write it as \[::1\]"),
        ("*.A.example", r"Write it as \*\.a\.example"),
        ("*.co.uk", r"not \*\.com"),
    ],
)
def test_another_name_is_refused_and_told(name: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        validate_domain(name)


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"api_key": "sk-ant-api03-abcd"}, "…abcd"),
        ({"api_key": "short"}, "…"),
        ({}, "not set"),
        ({"kind": "oauth", "access_token": "sk-ant-oat01-wxyz"}, "…wxyz"),
    ],
)
def test_a_hint_shows_four_characters_of_a_long_secret_and_none_of_a_short_one(
    fields: dict[str, str], hint: str
) -> None:
    assert Credential(**fields).hint == hint


def test_a_domain_and_what_belongs_to_it_are_called_by_their_names() -> None:
    domain = Domain(name="alan-personal.example")

    assert domain.is_personal
    assert str(Credential(name="main", domain=domain)) == "main (alan-personal.example)"
    assert str(ClientKey(name="ci", domain=domain)) == "ci (alan-personal.example)"
    assert str(AccessVersion(version=7)) == "7"
    assert str(domain) == "alan-personal.example"


@pytest.mark.django_db
def test_predecessor_defect_22_of_a_client_key_only_the_hash_is_kept() -> None:
    row, key = make_client_key()

    row.refresh_from_db()

    assert row.digest == keys.digest(key)
    assert row.hint == key[-4:]
    assert key not in str(row.__dict__)


@pytest.mark.django_db
def test_a_refreshed_pair_clears_the_earlier_error() -> None:
    row = make_oauth(last_error="no", state=Credential.State.NEEDS_LOGIN)

    row.save_tokens("a", "r", END, ["s"])

    row.refresh_from_db()
    assert (row.access_token, row.refresh_token, row.expires_at, row.scopes) == ("a", "r", END, ["s"])
    assert (row.state, row.last_error) == ("valid", "")
    assert row.last_refresh_at


@pytest.mark.django_db
@pytest.mark.parametrize(("permanent", "state"), [(True, "needs_login"), (False, "valid")])
def test_a_failed_refresh_keeps_the_tokens_and_says_why(permanent: bool, state: str) -> None:
    row = make_oauth()

    row.save_failure("why", permanent=permanent)

    row.refresh_from_db()
    assert (row.state, row.last_error, row.access_token) == (state, "why", "sk-ant-oat01-old")


@pytest.mark.django_db
def test_two_credentials_of_one_domain_have_different_names() -> None:
    make_api_key()

    with pytest.raises(IntegrityError, match="credential_name_per_domain"), transaction.atomic():
        make_api_key()


CHANGES = [
    "INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username, slack_icon_emoji, slack_enabled,"
    " created_at) VALUES ('new.example', '', '', '', '', true, now())",
    "UPDATE accounts_domain SET name = 'b.example'",
    "UPDATE accounts_credential SET enabled = false",
    "UPDATE accounts_credential SET api_key = ''",
    "UPDATE accounts_credential SET access_token = ''",
    "UPDATE accounts_credential SET state = 'needs_login'",
    "UPDATE accounts_clientkey SET revoked_at = now()",
    "UPDATE accounts_clientkey SET expires_at = now()",
    "DELETE FROM accounts_clientkey",
    "DELETE FROM accounts_credential",
    "TRUNCATE accounts_clientkey, accounts_limit",
    "INSERT INTO accounts_limit (domain_id, updated_at) SELECT id, now() FROM accounts_domain",
    "UPDATE accounts_limit SET usd_per_day = 2",
    "DELETE FROM accounts_limit",
    "TRUNCATE accounts_limit",
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", CHANGES)
def test_every_change_of_access_is_noted_whoever_makes_it(statement: str) -> None:
    make_api_key()
    make_client_key()
    make_limit()
    before = database_version()

    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert database_version() != before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_clientkey SET last_used_at = now()",
        "UPDATE accounts_credential SET last_error = 'x', last_refresh_at = now()",
        "UPDATE accounts_domain SET slack_enabled = false",
    ],
)
def test_bookkeeping_is_no_change_of_access(statement: str) -> None:
    make_api_key()
    make_client_key()
    before = database_version()

    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert database_version() == before


@pytest.mark.django_db(transaction=True)
def test_a_change_is_noted_when_it_is_committed_and_only_then() -> None:
    before = database_version()

    with transaction.atomic():
        make_domain()
        within = database_version()
        transaction.set_rollback(True)

    assert (within, database_version()) == (before, before)

"""`manage.py create_client_key`."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError

from accounts.access import keys
from accounts.management.expiry import BadExpiry, expiry_of
from accounts.models import ClientKey, Domain
from nexus_project.operations.grants import DASHBOARD
from tests.accounts.people import make_domain

# As in the dashboard's container; elsewhere it runs as the owner, who may do that too.
pytestmark = [pytest.mark.django_db, pytest.mark.database_role(DASHBOARD)]
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def run(*arguments: str) -> tuple[str, str]:
    """What it wrote to its standard output and its standard error."""
    out, reported = StringIO(), StringIO()
    call_command("create_client_key", *arguments, stdout=out, stderr=reported, no_color=True)
    return out.getvalue(), reported.getvalue()


def test_the_key_alone_is_printed_and_only_its_hash_is_kept() -> None:
    make_domain()

    out, reported = run("a.example", "ci", "--owner", "ann")

    key = out.removesuffix("\n")
    assert key.startswith("cnp_live_")
    assert keys.find_client_key(key) == key
    row = ClientKey.objects.get()
    assert (row.digest, row.hint, row.owner, row.expires_at) == (keys.digest(key), key[-4:], "ann", None)
    assert str(row) == "ci (a.example)"
    assert "not shown again" in reported
    assert key not in reported


def test_as_json_with_an_end() -> None:
    make_domain()

    out, _ = run("a.example", "ci", "--expires", "90d", "--test", "--json")

    data = json.loads(out)
    row = ClientKey.objects.get()
    assert data["key"].startswith("cnp_test_")
    assert row.digest == keys.digest(data["key"])
    assert row.expires_at
    assert data == {
        "key": data["key"],
        "id": row.pk,
        "domain": "a.example",
        "name": "ci",
        "owner": "",
        "expires_at": row.expires_at.isoformat(),
    }
    assert abs(row.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=1)


def test_a_domain_that_is_not_known_is_added_only_if_asked() -> None:
    with pytest.raises(CommandError, match="--create-domain"):
        run("new.example", "ci")
    assert not Domain.objects.exists()

    _, reported = run("*.new.example", "ci", "--create-domain")

    assert [domain.name for domain in Domain.objects.all()] == ["*.new.example"]
    assert "Added the domain *.new.example" in reported


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["*.com", "ci", "--create-domain"], "somebody can own"),
        (["New.example", "ci", "--create-domain"], "Write it as new.example"),
        (["a.example", "", "--create-domain"], "cannot be blank"),
        (["a.example", "x" * 81, "--create-domain"], "80 characters"),
        (["a.example", "ci", "--expires", "soon", "--create-domain"], "90d"),
    ],
)
def test_what_cannot_be_is_told_and_leaves_nothing(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says) as caught:
        run(*arguments)

    assert caught.value.returncode == 2
    assert not Domain.objects.exists()


def test_without_the_database_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: object, **options: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(Domain.objects, "filter", gone)

    with pytest.raises(CommandError, match="no key was made"):
        run("a.example", "ci")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("", None),
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("8w", NOW + timedelta(weeks=8)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T10:00+01:00", datetime(2027, 1, 31, 9, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_span_or_a_date(text: str, end: datetime | None) -> None:
    assert expiry_of(text, NOW) == end


@pytest.mark.parametrize(
    "text", ["0d", "-1d", "90", "d", "99999d", "2026-10-31", "2026-02-30", "tomorrow", "٩d"]
)
def test_what_is_no_end_to_come_is_refused(text: str) -> None:
    with pytest.raises(BadExpiry):
        expiry_of(text, NOW)

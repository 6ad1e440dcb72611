"""`manage.py rotate_encryption_keys`."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from accounts import fields
from accounts.models import Credential, Domain
from nexus_project.operations import key_rotation
from tests.accounts.people import make_domain, make_oauth

pytestmark = pytest.mark.django_db

OLD, NEW, LOST = (
    "b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0=",
    "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0=",
    "bG9zdGxvc3Rsb3N0bG9zdGxvc3Rsb3N0bG9zdGxvc3Q=",
)


def run(*words: str) -> str:
    out = StringIO()
    call_command("rotate_encryption_keys", *words, stdout=out)
    return out.getvalue()


def tokens() -> set[str]:
    return {token for _, _, token in key_rotation.values()}


def test_afterwards_the_new_key_alone_reads_everything(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    make_domain(slack_webhook_url="https://hooks.slack.com/services/x")
    row = make_oauth()
    before = tokens()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    assert json.loads(run("--dry-run", "--json")) == {"current": 0, "rotated": 3, "unreadable": []}
    assert tokens() == before
    assert "3 written anew" in run()
    assert "0 written anew under the first key, 3 were under it already" in run()

    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert Credential.objects.get().refresh_token == row.refresh_token
    assert Domain.objects.get().slack_webhook_url == "https://hooks.slack.com/services/x"


def test_a_value_under_no_key_is_named_and_stops_no_other(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [LOST]
    make_domain("lost.example", slack_webhook_url="https://hooks.slack.com/services/x")
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    make_oauth()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    with pytest.raises(CommandError, match=r"1 under none .* accounts_domain\.slack_webhook_url \d+$"):
        run()

    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert Credential.objects.get().access_token == "sk-ant-oat01-old"


def test_a_pair_that_is_refreshed_meanwhile_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    row = make_oauth()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    decrypt = fields.decrypt

    def refreshed_first(token: str) -> str:
        Credential.objects.filter(pk=row.pk).update(access_token="sk-ant-oat01-fresh")
        return decrypt(token)

    monkeypatch.setattr(fields, "decrypt", refreshed_first)
    run()

    assert Credential.objects.get().access_token == "sk-ant-oat01-fresh"


def test_a_later_encrypted_column_is_found_by_itself() -> None:
    names = {f"{column.table}.{column.name}" for column in key_rotation.columns()}

    assert names >= {
        "accounts_credential.api_key",
        "accounts_credential.document",
        "accounts_domain.slack_webhook_url",
    }

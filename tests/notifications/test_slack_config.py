import logging
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pytest_django.fixtures import Settings

from proxy.store.notifications.slack_config import Recipient, recipient_of
from tests.notifications.conftest import write_credential_file
from tests.people import make_domain

pytestmark = pytest.mark.django_db

OWN = "https://hooks.slack.com/services/T1/B1/own"
FILE = "https://hooks.slack.com/services/T1/B1/file"
GLOBAL = "https://hooks.slack.com/services/T1/B1/global"


@pytest.fixture
def everybody(settings: Settings) -> None:
    settings.SLACK_WEBHOOK_URL = GLOBAL
    settings.SLACK_ENABLED = True
    settings.SLACK_CHANNEL = "#nexus"


def test_nobody_is_told_where_nothing_is_set(domain: str) -> None:
    assert recipient_of(domain) is None


@pytest.mark.usefixtures("everybody")
def test_the_global_webhook_is_the_fallback(domain: str) -> None:
    expected = Recipient(GLOBAL, "#nexus", "Claude Nexus Proxy", ":robot_face:")

    assert recipient_of(domain) == expected


@pytest.mark.usefixtures("everybody")
def test_the_global_webhook_can_be_switched_off(domain: str, settings: Settings) -> None:
    settings.SLACK_ENABLED = False

    assert recipient_of(domain) is None


@pytest.mark.usefixtures("everybody")
def test_the_domains_own_webhook_wins_without_the_global_channel(domain: str) -> None:
    make_domain(domain, slack_webhook_url=OWN, slack_username="Shop")

    assert recipient_of(domain) == Recipient(OWN, "", "Shop", ":robot_face:")


def test_a_domains_own_webhook_needs_no_global_one(domain: str) -> None:
    make_domain(domain, slack_webhook_url=OWN, slack_channel="#shop", slack_icon_emoji=":cat:")

    assert recipient_of(domain) == Recipient(OWN, "#shop", "Claude Nexus Proxy", ":cat:")


@pytest.mark.usefixtures("everybody")
def test_a_domain_may_choose_a_channel_of_the_global_webhook(domain: str) -> None:
    make_domain(domain, slack_channel="#shop")

    assert recipient_of(domain) == Recipient(GLOBAL, "#shop", "Claude Nexus Proxy", ":robot_face:")


@pytest.mark.usefixtures("everybody")
def test_a_credential_files_webhook_wins_over_the_global_one(domain: str, tmp_path: Path) -> None:
    write_credential_file(tmp_path, domain, {"webhook_url": FILE, "channel": "#file", "username": "File"})

    assert recipient_of(domain) == Recipient(FILE, "#file", "File", ":robot_face:")


def test_the_file_of_another_domain_is_not_used(domain: str, tmp_path: Path) -> None:
    write_credential_file(tmp_path, f"other-{domain}", {"webhook_url": FILE})

    assert recipient_of(domain) is None


def test_the_database_wins_over_the_file(domain: str, tmp_path: Path) -> None:
    make_domain(domain, slack_webhook_url=OWN)
    write_credential_file(tmp_path, domain, {"webhook_url": FILE, "enabled": False})

    assert recipient_of(domain) == Recipient(OWN, "", "Claude Nexus Proxy", ":robot_face:")


def test_a_row_without_a_webhook_leaves_it_to_the_file(domain: str, tmp_path: Path) -> None:
    make_domain(domain)
    write_credential_file(tmp_path, domain, {"webhook_url": FILE})

    assert recipient_of(domain) == Recipient(FILE, "", "Claude Nexus Proxy", ":robot_face:")


@pytest.mark.usefixtures("everybody")
def test_a_domain_that_is_switched_off_is_silent(domain: str, tmp_path: Path) -> None:
    make_domain(domain, slack_webhook_url=OWN, slack_enabled=False)
    write_credential_file(tmp_path, domain, {"webhook_url": FILE})

    assert recipient_of(domain) is None


@pytest.mark.usefixtures("everybody")
def test_a_file_that_is_switched_off_is_silent(domain: str, tmp_path: Path) -> None:
    write_credential_file(tmp_path, domain, {"webhook_url": FILE, "enabled": False})

    assert recipient_of(domain) is None


@pytest.mark.usefixtures("everybody")
@pytest.mark.parametrize("name", ["personal.example.com", "my-PERSONAL-box.example.com"])
def test_a_personal_domain_is_silent_even_with_its_own_webhook(name: str, tmp_path: Path) -> None:
    make_domain(name.lower(), slack_webhook_url=OWN)
    write_credential_file(tmp_path, name.lower(), {"webhook_url": FILE})

    assert recipient_of(name) is None


def test_a_domain_with_a_port_is_looked_up_with_it_then_without(domain: str) -> None:
    make_domain(domain, slack_webhook_url=FILE)
    assert recipient_of(f"{domain}:3000") == recipient_of(domain)

    make_domain(f"{domain}:3000", slack_webhook_url=OWN)
    found = recipient_of(f"{domain}:3000")
    assert found is not None
    assert found.webhook_url == OWN


def test_a_wildcards_webhook_gets_the_posts_of_the_hosts_below_it(tmp_path: Path) -> None:
    make_domain("*.wild.example", slack_webhook_url=FILE)
    write_credential_file(tmp_path, "_wildcard.file.example", {"webhook_url": FILE})
    make_domain("a-longer-name.wild.example", slack_webhook_url=OWN)

    webhooks = {
        domain: found.webhook_url if (found := recipient_of(domain)) else None
        for domain in ("a.wild.example", "a-longer-name.wild.example:3000", "wild.example", "a.file.example")
    }

    assert webhooks == {
        "a.wild.example": FILE,
        "a-longer-name.wild.example:3000": OWN,
        "wild.example": None,
        "a.file.example": FILE,
    }


@pytest.mark.usefixtures("everybody")
def test_a_host_that_is_none_has_the_global_webhook() -> None:
    found = recipient_of("../../etc")

    assert found is not None
    assert found.webhook_url == GLOBAL


@pytest.mark.usefixtures("everybody")
def test_a_broken_credential_file_sends_nothing_to_a_foreign_channel(
    domain: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"{domain}.credentials.json").write_text('{"type": "api_key", "slack"')

    with caplog.at_level(logging.WARNING):
        assert recipient_of(domain) is None

    assert "slack.unusable_credential_file" in caplog.messages


@pytest.mark.usefixtures("everybody")
def test_a_webhook_that_cannot_be_decrypted_sends_nothing_to_a_foreign_channel(
    domain: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    make_domain(domain, slack_webhook_url=OWN)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with caplog.at_level(logging.ERROR):
        assert recipient_of(domain) is None

    assert "slack.unreadable_webhook" in caplog.messages


def test_a_recipient_never_shows_its_webhook() -> None:
    assert "own" not in repr(Recipient(OWN))


def test_looks_that_are_empty_are_left_to_slack() -> None:
    assert Recipient(OWN, "#a").looks() == {"channel": "#a"}

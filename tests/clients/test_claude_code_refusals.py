"""What Claude Code shows of a refusal by Nexus, and that it shows it at once: it repeats some for three minutes, in silence."""

import time
from urllib.parse import urlsplit

import pytest

from nexus_project.demo.serving import Running
from tests.clients.claude_code import ClaudeCode
from tests.clients.upstream import ReportedUpstream
from tests.flow.conftest import Nexus

pytestmark = pytest.mark.timeout(400)

MODEL = "claude-opus-5-5"
AT_ONCE_SECONDS = 30  # for the program's own start as well


def test_a_wrong_client_key_is_told_at_once(claude: ClaudeCode, nexus: Nexus) -> None:
    begun = time.monotonic()

    shown = claude.ask_in_vain(
        "Do it.", model=MODEL, address=nexus.url, ANTHROPIC_API_KEY="cnp_live_of_nobody"
    )

    assert time.monotonic() - begun < AT_ONCE_SECONDS
    assert "This Nexus client key does not open" in shown


def test_a_spent_limit_is_told_at_once_and_in_nexus_own_words(
    claude: ClaudeCode, nexus: Nexus, upstream: Running[ReportedUpstream]
) -> None:
    domain = urlsplit(nexus.url).netloc
    nexus.execute(
        "WITH d AS (INSERT INTO accounts_domain (name, slack_webhook_url, slack_channel, slack_username, slack_icon_emoji,"
        " slack_enabled, created_at) VALUES (%s, '', '', '', '', true, now()) RETURNING id)"
        " INSERT INTO accounts_limit (domain_id, usd_per_day, updated_at) SELECT id, 0, now() FROM d",
        domain,
    )
    time.sleep(2.5)  # a change counts within two seconds
    begun = time.monotonic()

    shown = claude.ask_in_vain("Do it.", model=MODEL, address=nexus.url)

    nexus.execute("DELETE FROM accounts_limit")
    assert time.monotonic() - begun < AT_ONCE_SECONDS
    assert f"The spend limit of domain {domain} for this day is used up" in shown

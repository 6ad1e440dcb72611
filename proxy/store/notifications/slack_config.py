"""Who gets the posts of a domain: its own webhook (database, else credential file), else the global one.

A domain that is personal, switched off, or whose settings cannot be read is silent: its texts must not land in
the channel of somebody else.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from accounts.access.hosts import BadHost, is_personal, parse_host
from accounts.access.wildcards import names_for
from accounts.credentials.files import SUFFIX, BadCredentialFile, FileSlack, domain_of, read
from accounts.fields import UnreadableSecret
from accounts.models import Domain

log = logging.getLogger("nexus.slack")

# In place of a domain: what is posted for none of them goes to the global webhook.
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A webhook with the looks of its posts; empty looks are the webhook's own."""

    webhook_url: str = field(repr=False)
    channel: str = ""
    username: str = ""
    icon_emoji: str = ""

    def looks(self) -> dict[str, str]:
        """The fields that a post carries besides its text."""
        fields = {"channel": self.channel, "username": self.username, "icon_emoji": self.icon_emoji}
        return {name: value for name, value in fields.items() if value}


def recipient_of(domain: str) -> Recipient | None:
    """Where posts of `domain` go now, by one query and one look at its file; None where nothing is posted."""
    if is_personal(domain):
        return None
    try:
        chosen = [config for config in (_from_database(domain), _from_file(domain)) if config]
    except UnreadableSecret:
        log.error(
            "slack.unreadable_webhook",
            extra={"domain": domain, "action": "put its key back into FIELD_ENCRYPTION_KEYS"},
        )
        return None
    except BadCredentialFile as error:
        log.warning("slack.unusable_credential_file", extra={"domain": domain, "why": str(error)})
        return None
    return _choose(chosen)


def _choose(chosen: list[FileSlack]) -> Recipient | None:
    """One that is switched off silences the domain, the first with a webhook gets the posts, else the global."""
    for config in chosen:
        if not config.enabled:
            return None
        if config.webhook_url:
            # A channel belongs to its webhook's workspace: the global one is not for a domain's own webhook.
            return _recipient(config.webhook_url, config.channel, config)
    if not (settings.SLACK_ENABLED and settings.SLACK_WEBHOOK_URL):
        return None
    looks = next(
        (config for config in chosen if config.channel or config.username or config.icon_emoji), None
    )
    channel = looks.channel if looks else ""
    return _recipient(settings.SLACK_WEBHOOK_URL, channel or settings.SLACK_CHANNEL, looks)


def _recipient(webhook_url: str, channel: str, looks: FileSlack | None) -> Recipient:
    username = looks.username if looks else ""
    icon_emoji = looks.icon_emoji if looks else ""
    return Recipient(
        webhook_url,
        channel,
        username or settings.SLACK_USERNAME,
        icon_emoji or settings.SLACK_ICON_EMOJI,
    )


def _candidates(domain: str) -> tuple[str, ...]:
    try:
        return names_for(parse_host(domain))
    except BadHost:
        return ()


def _from_database(domain: str) -> FileSlack | None:
    names = _candidates(domain)
    row = min(Domain.objects.filter(name__in=names), key=lambda found: names.index(found.name), default=None)
    if row is None:
        return None
    return FileSlack(
        webhook_url=row.slack_webhook_url,
        channel=row.slack_channel,
        username=row.slack_username,
        icon_emoji=row.slack_icon_emoji,
        enabled=row.slack_enabled,
    )


def _from_file(domain: str) -> FileSlack | None:
    for name in _candidates(domain):
        for path in sorted(Path(settings.CREDENTIALS_DIR).glob(f"*{SUFFIX}")):
            if domain_of(path) == name:
                return read(path).slack
    return None

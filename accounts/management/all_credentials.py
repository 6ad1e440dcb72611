"""Every credential that Nexus would spend, rows, files and CLAUDE_API_KEY, for commands."""

from django.conf import settings

from accounts.access.decision import AccessCredential, Snapshot
from accounts.credentials import folder as credential_folder
from accounts.snapshot import build as snapshot

ANY_DOMAIN = "(any domain)"


def all_credentials(domains: set[str]) -> list[tuple[str, AccessCredential]]:
    """Each with its domain, only of these domains where some are named."""
    stored = snapshot.from_database() if settings.DATABASE_URL else Snapshot()
    found = snapshot.combine(stored, credential_folder.files_now())
    rows = [
        (name, credential)
        for name, access in sorted(found.domains.items())
        if not domains or name in domains
        for credential in access.credentials
    ]
    return [*rows, (ANY_DOMAIN, found.default)] if found.default and not domains else rows

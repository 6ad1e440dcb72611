"""Every OAuth credential, rows and files, for commands."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accounts import credential_folder, payers
from accounts.access import Payer
from accounts.credential_files import domain_of
from accounts.fields import UnreadableSecret
from accounts.models import Credential


@dataclass(frozen=True, slots=True)
class OAuthPayer:
    """A credential with what its refreshes left; times are epoch seconds, 0 where unknown."""

    domain: str
    payer: Payer
    state: str
    last_error: str = ""
    refreshed_at: float = 0.0

    @property
    def is_due(self) -> bool:
        return self.payer.wants_refresh(time.time())


def oauth_payers(domains: set[str]) -> Iterator[OAuthPayer]:
    """Those of these domains, of all where none is named."""
    rows = Credential.objects.filter(kind=Credential.Kind.OAUTH, enabled=True).order_by("domain__name", "pk")
    for pk, domain, name in rows.values_list("pk", "domain__name", "name"):
        if not domains or domain in domains:
            yield _row(pk, domain, name)
    dead = credential_folder.needing_login()
    for path, payer in sorted(_files().items()):
        domain = domain_of(path) or path.name
        if not domains or domain in domains:
            note = dead.get(path)
            yield (
                OAuthPayer(domain, payer, "needs_login", note.why)
                if note
                else OAuthPayer(domain, payer, "valid")
            )


def _row(pk: int, domain: str, name: str) -> OAuthPayer:
    try:
        row = Credential.objects.get(pk=pk)
    except UnreadableSecret as error:
        return OAuthPayer(domain, payers.from_unreadable_row(pk, "oauth", name), "unreadable", str(error))
    refreshed_at = row.last_refresh_at.timestamp() if row.last_refresh_at else 0.0
    return OAuthPayer(domain, payers.from_row(row), row.state, row.last_error, refreshed_at)


def _files() -> dict[Path, Payer]:
    found = {path: payers.from_file(file) for path, file in credential_folder.files_now().items() if file}
    return {path: payer for path, payer in found.items() if payer.is_oauth}

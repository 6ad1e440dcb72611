"""Every OAuth credential, rows and files, for commands."""

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from accounts.access.decision import AccessCredential
from accounts.credentials import folder as credential_folder
from accounts.credentials.files import domain_of
from accounts.fields import UnreadableSecret
from accounts.models import Credential
from accounts.snapshot import credentials


@dataclass(frozen=True, slots=True)
class OAuthCredential:
    """A credential with what its refreshes left; times are epoch seconds, 0 where unknown; `login` is the command for it."""

    domain: str
    credential: AccessCredential
    state: str
    login: str
    last_error: str = ""
    refreshed_at: float = 0.0

    @property
    def is_due(self) -> bool:
        return self.credential.wants_refresh(time.time())


def oauth_credentials(domains: set[str]) -> Iterator[OAuthCredential]:
    """Those of these domains, of all where none is named."""
    for row in (*_rows(), *_files()):
        if not domains or row.domain in domains:
            yield row


def _rows() -> Iterator[OAuthCredential]:
    if not settings.DATABASE_URL:
        return
    rows = Credential.objects.filter(kind=Credential.Kind.OAUTH, enabled=True).order_by("domain__name", "pk")
    for pk, domain, name in rows.values_list("pk", "domain__name", "name"):
        yield _row(pk, domain, name)


def _row(pk: int, domain: str, name: str) -> OAuthCredential:
    login = _login("--domain", domain, "--name", name)
    try:
        row = Credential.objects.get(pk=pk)
    except UnreadableSecret as error:
        credential = credentials.from_unreadable_row(pk, "oauth", name)
        return OAuthCredential(domain, credential, "unreadable", login, str(error))
    refreshed_at = row.last_refresh_at.timestamp() if row.last_refresh_at else 0.0
    return OAuthCredential(domain, credentials.from_row(row), row.state, login, row.last_error, refreshed_at)


def _files() -> Iterator[OAuthCredential]:
    for path, file in sorted(credential_folder.files_now().items()):
        if file and file.kind == "oauth":
            state, why = ("needs_login", file.dead.why) if file.dead else ("valid", "")
            domain, login = domain_of(path) or path.name, _login("--file", str(path))
            yield OAuthCredential(domain, credentials.from_file(file), state, login, why)


def _login(*words: str) -> str:
    return shlex.join(["manage.py", "oauth_login", *words])

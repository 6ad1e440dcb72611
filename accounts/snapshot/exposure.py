"""What anybody may spend who reaches the proxy: an operator's credentials that demand no client key."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, OuterRef

from accounts.access.decision import AccessCredential, DomainAccess, Snapshot
from accounts.credentials import folder as credential_folder
from accounts.models import ClientKey, Credential, Domain
from accounts.snapshot import build as snapshot

ACTION = "give each domain a client key, or set ENABLE_CLIENT_AUTH=true"
SHOWN = 10

_CREDENTIAL = AccessCredential("database", "", "api_key", "")


@dataclass(frozen=True, slots=True)
class Exposure:
    """`domains` are open with a credential of their own; `default`: CLAUDE_API_KEY pays for every other host without a key."""

    domains: tuple[str, ...] = ()
    default: bool = False

    def __bool__(self) -> bool:
        return self.default or bool(self.domains)

    @property
    def words(self) -> str:
        """Which they are, in one line."""
        more = len(self.domains) - SHOWN
        named = [*self.domains[:SHOWN], *([f"{more} more"] if more > 0 else [])]
        return ", ".join([*named, *(["every host without a credential of its own"] if self.default else [])])


def of_snapshot(access: Snapshot) -> Exposure:
    """The open doors of a snapshot."""
    if access.client_auth:
        return Exposure()
    names = [name for name, domain in access.domains.items() if domain.credentials and not domain.guarded]
    return Exposure(tuple(sorted(names)), access.default is not None)


def now() -> Exposure:
    """The same by database, files and environment as this process sees them, without a secret being decrypted: one query.

    Raises django.db.Error.
    """
    if settings.ENABLE_CLIENT_AUTH:
        return Exposure()
    rows = _rows() if settings.DATABASE_URL else Snapshot()
    return of_snapshot(snapshot.combine(rows, credential_folder.files_now()))


def _rows() -> Snapshot:
    paying = Credential.objects.filter(domain=OuterRef("pk"), enabled=True)
    keys = ClientKey.objects.filter(domain=OuterRef("pk"))
    rows = Domain.objects.values_list("name", Exists(paying), Exists(keys))
    return Snapshot(
        {
            name: DomainAccess(name, (_CREDENTIAL,) if pays else (), guarded=guarded)
            for name, pays, guarded in rows
        }
    )

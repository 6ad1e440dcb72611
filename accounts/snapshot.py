"""Build the access snapshot from the database, the credential files and the environment."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from accounts import keys, payers
from accounts.access import DomainAccess, KeyGrant, Payer, Snapshot
from accounts.credential_files import CredentialFile, domain_of
from accounts.fields import UnreadableSecret
from accounts.models import AccessVersion, ClientKey, Credential, Domain

log = logging.getLogger("nexus.access")


def database_version() -> int:
    """The number that every change to the accounts tables raises."""
    return AccessVersion.objects.values_list("version", flat=True).first() or 0


def from_database() -> Snapshot:
    """Domains, their credentials and client keys."""
    found: dict[str, list[Payer]] = {name: [] for name in Domain.objects.values_list("name", flat=True)}
    for credential in _readable_credentials():
        found[credential.domain.name].append(payers.from_row(credential))
    grants = {}
    guarded = set()
    for key in ClientKey.objects.select_related("domain"):
        guarded.add(key.domain.name)
        if key.revoked_at is None or key.revoked_at > timezone.now():
            expires_at = key.expires_at.timestamp() if key.expires_at else math.inf
            grants[key.digest] = KeyGrant(str(key.pk), key.domain.name, expires_at)
    domains = {name: DomainAccess(name, tuple(rows), name in guarded) for name, rows in found.items()}
    return Snapshot(domains, grants)


def _readable_credentials() -> Iterable[Credential]:
    """One value that no key decrypts must not hide the other credentials."""
    rows = Credential.objects.filter(enabled=True).order_by("pk")
    for pk in rows.values_list("pk", flat=True):
        try:
            yield rows.select_related("domain").get(pk=pk)
        except UnreadableSecret:
            log.error(
                "credential.unreadable",
                extra={"credential": pk, "mend": "put its key back into FIELD_ENCRYPTION_KEYS"},
            )
        except Credential.DoesNotExist:
            continue


def combine(stored: Snapshot, files: Mapping[Path, CredentialFile]) -> Snapshot:
    """Add the files, after the rows of the same domain, and the environment's default."""
    domains = dict(stored.domains)
    grants = dict(stored.grants)
    by_domain: dict[str, list[CredentialFile]] = defaultdict(list)
    for path, file in sorted(files.items()):
        if name := domain_of(path):
            by_domain[name].append(file)
    for name, found in by_domain.items():
        access = domains.get(name, DomainAccess(name))
        guarded = access.guarded or any(file.client_api_key for file in found)
        domains[name] = replace(
            access, payers=access.payers + tuple(payers.from_file(file) for file in found), guarded=guarded
        )
        for file in found:
            if file.client_api_key:
                grants[keys.digest(file.client_api_key)] = KeyGrant(f"file:{file.path.name}", name)
    return Snapshot(domains, grants, payers.from_environment(), settings.ENABLE_CLIENT_AUTH)

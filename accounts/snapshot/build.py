"""Build the access snapshot from the database, the credential files and the environment."""

import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from accounts.access import keys, wildcards
from accounts.access.decision import AccessCredential, DomainAccess, KeyGrant, Snapshot
from accounts.credentials.files import CredentialFile, domain_of
from accounts.fields import UnreadableSecret
from accounts.models import AccessVersion, ClientKey, Credential, Domain
from accounts.models.limits import read_rules
from accounts.snapshot import credentials
from accounts.snapshot import parts as snapshot_parts
from accounts.snapshot.parts import Part

log = logging.getLogger("nexus.access")

Grants = dict[str, KeyGrant]


def database_version() -> int:
    """The number that every change to the accounts tables replaces."""
    return AccessVersion.objects.values_list("version", flat=True).first() or 0


def from_database(parts: Sequence[Part] = ()) -> Snapshot:
    """Domains, their credentials and client keys, the limits, and the parts of others."""
    names = dict(Domain.objects.values_list("pk", "name"))
    rows: dict[int, list[AccessCredential]] = defaultdict(list)
    for domain, credential in _credentials():
        rows[domain].append(credential)
    grants = _grants()
    return Snapshot(
        {
            name: DomainAccess(name, tuple(rows[pk]), grants.get(pk, {}), guarded=pk in grants)
            for pk, name in names.items()
        },
        limits=read_rules(),
        parts=snapshot_parts.from_database(parts),
    )


def _credentials() -> list[tuple[int, AccessCredential]]:
    """Each credential's domain and what it pays with."""
    rows = Credential.objects.filter(enabled=True).order_by("pk")
    try:
        return [(row.domain_id, credentials.from_row(row)) for row in rows]
    except UnreadableSecret:
        # One value that no key decrypts must not hide the other credentials.
        return [_credential(rows, pk) for pk in rows.values_list("pk", flat=True)]


def _credential(rows: QuerySet[Credential], pk: int) -> tuple[int, AccessCredential]:
    try:
        row = rows.get(pk=pk)
        return row.domain_id, credentials.from_row(row)
    except UnreadableSecret:
        action = "put the key that wrote it back into FIELD_ENCRYPTION_KEYS"
        log.error("credential.unreadable", extra={"credential": f"database:{pk}", "action": action})
        plain = rows.only("domain_id", "kind", "account_id", "name").get(pk=pk)
        account = plain.account_id or plain.name
        return plain.domain_id, credentials.from_unreadable_row(pk, plain.kind, account)


def _grants() -> dict[int, Grants]:
    """The keys of each domain that has any; a revoked one is a key that has ended."""
    grants: dict[int, Grants] = defaultdict(dict)
    for key in ClientKey.objects.all():
        ends = [moment.timestamp() for moment in (key.expires_at, key.revoked_at) if moment]
        grants[key.domain_id][key.digest] = KeyGrant(str(key.pk), min(ends, default=math.inf))
    return grants


def combine(stored: Snapshot, files: Mapping[Path, CredentialFile | None]) -> Snapshot:
    """Add the files, after the rows of the same domain, and the environment's default.

    None stands for a file that cannot be used.
    """
    domains = dict(stored.domains)
    for path, file in sorted(files.items()):
        if name := domain_of(path):
            domains[name] = _with_file(domains.get(name, DomainAccess(name)), path, file)
    has_wildcards = any(map(wildcards.is_wildcard, domains))
    if has_wildcards:
        wildcards.suffixes()  # read here, in the watcher's thread, and not while requests wait
    return replace(
        stored,
        domains=domains,
        default=credentials.from_environment(),
        client_auth=settings.ENABLE_CLIENT_AUTH,
        shared_files=settings.ALLOW_SHARED_FILES,
        has_wildcards=has_wildcards,
    )


def _with_file(access: DomainAccess, path: Path, file: CredentialFile | None) -> DomainAccess:
    credential = credentials.from_file(file) if file else credentials.from_broken_file(path)
    access = replace(access, credentials=(*access.credentials, credential))
    if file is None or not file.client_api_key:
        return access
    grant = {keys.digest(file.client_api_key): KeyGrant(f"file:{path.name}")}
    return replace(access, grants={**access.grants, **grant}, guarded=True)

"""Credential files into the database and back, exactly: what no column holds of a file is kept beside the columns, encrypted."""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.access import keys
from accounts.credentials import files as credential_files
from accounts.credentials.files import BadCredentialFile, CredentialFile, domain_of
from accounts.models import ClientKey, Credential, Domain
from accounts.secrets import atomic_file

FILE_KEY_NAME = "client_api_key"
_FROM_FILE = "file"
_NAME_LENGTH = 80
_OAUTH_COLUMNS = {"accessToken", "refreshToken", "expiresAt", "scopes", "isMax"}
_SLACK_COLUMNS = {
    "webhook_url": "slack_webhook_url",
    "channel": "slack_channel",
    "username": "slack_username",
    "icon_emoji": "slack_icon_emoji",
    "enabled": "slack_enabled",
}


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one credential: `action` is created, replaced, written, skipped or failed; `why` says what to do then."""

    file: str
    domain: str
    credential: str
    action: str
    why: str = ""


class Refused(Exception):
    """It stays where it is; the message says why, and what to do."""


def import_file(path: Path, *, replace: bool, dry_run: bool) -> Moved:
    """Put one file into the database; the file stays. A row of that domain and account is only replaced when asked."""
    name, account = domain_of(path) or "", ""
    try:
        if not name:
            raise BadCredentialFile(f"its name is no domain: call it <domain>{credential_files.SUFFIX}")
        file = credential_files.read(path)
        account = file.account_id[:_NAME_LENGTH] or _FROM_FILE
        with transaction.atomic():
            replaced = _store(name, account, file, credential_files.document(path), replace=replace)
            transaction.set_rollback(dry_run)
    except (BadCredentialFile, Refused) as error:
        action = "skipped" if isinstance(error, Refused) else "failed"
        return Moved(path.name, name, account, action, str(error))
    return Moved(path.name, name, account, "replaced" if replaced else "created")


def _store(name: str, account: str, file: CredentialFile, document: dict[str, Any], *, replace: bool) -> bool:
    domain, _ = Domain.objects.get_or_create(name=name)
    row = Credential.objects.filter(domain=domain, name=account).first()
    if row and not replace:
        raise Refused(f"{name} has a credential {account} already: --replace writes over it")
    values = {
        "kind": file.kind,
        "account_id": file.account_id,
        "api_key": file.api_key,
        "access_token": file.access_token,
        "refresh_token": file.refresh_token,
        "expires_at": file.expires_at,
        "scopes": list(file.scopes),
        "is_max": file.is_max,
        "document": json.dumps(_without_columns(document), ensure_ascii=False),
    }
    kept, _ = Credential.objects.update_or_create(domain=domain, name=account, defaults=values)
    kept.save(update_fields=kept.forget_failures())
    if file.client_api_key:
        _let_in(domain, file.client_api_key)
    if file.slack:
        for key, column in _SLACK_COLUMNS.items():
            setattr(domain, column, getattr(file.slack, key))
        domain.save()
    return row is not None


def _let_in(domain: Domain, key: str) -> None:
    digest = keys.digest(key)
    held = ClientKey.objects.filter(digest=digest).first()
    if held and held.domain_id != domain.pk:
        raise Refused(f"its client_api_key opens {held.domain} already: give each domain a key of its own")
    if held is None:
        ClientKey.objects.create(domain=domain, name=FILE_KEY_NAME, digest=digest, hint=key[-4:])


def _without_columns(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what columns hold, so that no secret is kept twice; `null` keeps a key's place."""
    kept = _emptied(document, {"type", "api_key", "accountId"})
    for part, columns in (("oauth", _OAUTH_COLUMNS), ("slack", _SLACK_COLUMNS.keys())):
        if isinstance(kept.get(part), dict):
            kept[part] = _emptied(kept[part], columns)
    return kept


def _emptied(document: Mapping[str, Any], columns: Set[str]) -> dict[str, Any]:
    return {key: None if key in columns and value else value for key, value in document.items()}


def export_row(row: Credential, folder: Path, *, replace: bool) -> Moved:
    """Write one credential as a file of mode 600, atomically."""
    path = folder / credential_files.name_of(row.domain.name)
    reported = (path.name, row.domain.name, row.name)
    if path.exists() and not replace:
        return Moved(*reported, "skipped", "the file is there already: --replace writes over it")
    content = json.dumps(as_document(row), indent=2, ensure_ascii=False) + "\n"
    atomic_file.write(path, content.encode("utf-8", "surrogatepass"))
    return Moved(*reported, "written")


def as_document(row: Credential) -> dict[str, Any]:
    """A row as the file that it came from, with the values of today; a key that was revoked is no longer in it."""
    document: dict[str, Any] = json.loads(row.document or "{}")
    _put(document, {"type": row.kind, "accountId": row.account_id, "api_key": row.api_key})
    oauth = dict(document.get("oauth") or {})
    _put(
        oauth,
        {
            "accessToken": row.access_token,
            "refreshToken": row.refresh_token,
            "expiresAt": round(row.expires_at.timestamp() * 1000) if row.expires_at else None,
            "scopes": row.scopes,
            "isMax": row.is_max,
        },
    )
    _put(document, {"oauth": oauth})
    slack = dict(document.get("slack") or {})
    if slack or row.domain.slack_webhook_url:
        _put(slack, {key: getattr(row.domain, column) for key, column in _SLACK_COLUMNS.items()})
        document["slack"] = slack
    if FILE_KEY_NAME in document and not _still_opens(row.domain, str(document[FILE_KEY_NAME])):
        del document[FILE_KEY_NAME]
    return document


def _put(document: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Set what differs from what a missing key says."""
    for key, value in values.items():
        # Slack is on where a file does not say.
        if (value is False or key in document) if key == "enabled" else value:
            document[key] = value


def _still_opens(domain: Domain, key: str) -> bool:
    return ClientKey.objects.filter(domain=domain, digest=keys.digest(key.strip()), revoked_at=None).exists()

"""Credentials of the database with their secrets still encrypted, so that one that no key decrypts spoils its own line alone."""

from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.db.models.functions import Cast

from accounts.credentials.state import Secrets
from accounts.fields import UnreadableSecret, decrypt
from accounts.models import Credential

SECRETS = ("api_key", "access_token", "refresh_token")


def with_sealed(rows: QuerySet[Credential]) -> QuerySet[Credential]:
    """The rows with their domains, and what `unseal` reads."""
    sealed = {f"sealed_{name}": Cast(name, models.TextField()) for name in SECRETS}
    unread = (*SECRETS, "document", "domain__slack_webhook_url")
    return rows.select_related("domain").defer(*unread).annotate(**sealed)


def unseal(row: Any) -> Secrets:
    """The secrets of a row of `with_sealed`; one that is unreadable makes all of them so."""
    sealed = [getattr(row, f"sealed_{name}") for name in SECRETS]
    try:
        api_key, access_token, refresh_token = (decrypt(value) if value else "" for value in sealed)
        return Secrets(api_key, access_token, refresh_token)
    except UnreadableSecret:
        return Secrets(readable=False)

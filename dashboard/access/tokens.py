"""API tokens: `cnp_read_…`, shown once, kept as a hash; a wrong one counts as a wrong key does (accounts/guesses.py).

They begin as client keys do, so that a proxy to which one is sent by mistake takes it for such a key and passes it on to nobody.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from accounts import guesses
from accounts.access.keys import digest
from accounts.guesses import Verdict
from dashboard.models import ApiToken

PREFIX = "cnp_read_"
_HINTED = len(PREFIX) + 4
_NOTED = timedelta(minutes=1)


def is_token(shown: str) -> bool:
    """Whether what a request shows is meant as one."""
    return shown.startswith(PREFIX)


def issue(row: ApiToken) -> str:
    """Save a new token; what is returned exists nowhere else."""
    token = PREFIX + secrets.token_urlsafe(32)
    row.digest, row.hint = digest(token), token[:_HINTED]
    row.save()
    return token


def create(
    owner: User, name: str, scopes: Sequence[str], expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """The row, and the token itself. Raises ValidationError."""
    row = ApiToken(owner=owner, name=name, scopes=[*scopes], expires_at=expires_at)
    row.full_clean(exclude=["digest", "hint"])
    return row, issue(row)


def revoke(row: ApiToken) -> None:
    """For good: it opens nothing from now on."""
    row.revoked_at = row.revoked_at or timezone.now()
    row.save(update_fields=["revoked_at"])


def judge(who: str, shown: str) -> tuple[Verdict, ApiToken | None]:
    """The token, if it is a valid one; a wrong one counts for `who` (see `guesses.counted_as`)."""
    if guesses.wait_of(who):
        return Verdict.THROTTLED, None
    now = timezone.now()
    row = ApiToken.objects.select_related("owner").filter(digest=digest(shown)).first()
    if row is None or row.state(now) != "valid":
        guesses.count(who)
        return Verdict.WRONG, None
    _note(row, now)
    return Verdict.RIGHT, row


def _note(row: ApiToken, now: datetime) -> None:
    """When it was used, once a minute at most."""
    unnoted = Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTED)
    if row.last_used_at is None or row.last_used_at < now - _NOTED:
        ApiToken.objects.filter(unnoted, pk=row.pk).update(last_used_at=now)

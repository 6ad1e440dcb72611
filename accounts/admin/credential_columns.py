"""What the list of credentials shows beyond its columns: state, hint, how far each limit is used, last use, last error."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import redis
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin.secret_forms import hint
from accounts.credentials import health as credential_health
from accounts.credentials.health import Health
from accounts.credentials.sealed import unseal, with_sealed
from accounts.credentials.state import Verdict, judge, unless_used
from accounts.models import Credential
from accounts.secrets.masking import mask_text

BAR_WIDTH = 60
FULL, NEARLY = 1.0, 0.8
log = logging.getLogger("nexus.admin")


class CredentialColumns(admin.ModelAdmin[Credential]):
    """Reads the secrets encrypted, so that one that no key decrypts spoils its own line and not the page."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        rows: QuerySet[Credential] = super().get_queryset(request)
        return with_sealed(rows)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page's lines, each with what Redis tells of it."""
        changes = super().get_changelist_instance(request)
        rows: list[Any] = list(changes.result_list)
        paying = self.paying(rows)
        for row, health in zip(rows, healths(rows), strict=True):
            row.health, row.secrets, row.is_used = health, unseal(row), row.pk in paying
        changes.result_list = rows
        return changes

    def paying(self, rows: Sequence[Credential]) -> set[int]:
        """Which of them ever paid, as far as Redis remembers."""
        return {row.pk for row, health in zip(rows, healths(rows), strict=True) if health.used_at}

    @admin.display(description="State")
    def condition(self, row: Any) -> SafeString:
        verdict = judge(row, row.secrets, row.health, timezone.now())
        return shown(unless_used(verdict, is_used=row.is_used))

    @admin.display(description="Secret", ordering="kind")
    def masked(self, row: Any) -> SafeString:
        known = hint(row.secrets.shown(row.kind)) if row.secrets.readable else "unreadable"
        return format_html("{}<br>{}", row.get_kind_display(), known)

    @admin.display(description="Limits used")
    def limits(self, row: Any) -> SafeString | str:
        gauges = sorted(row.health.gauges.items())
        bars = ((bar(share), name, f"{share:.0%}", _epoch(end)) for name, (share, end) in gauges)
        return (
            format_html_join("", '<div class="limit" title="{1}: resets {3}">{0} {1} {2}</div>', bars) or "-"
        )

    @admin.display(description="Expires", ordering="expires_at")
    def ends(self, row: Any) -> str:
        return _moment(row.expires_at) if row.expires_at else "-"

    @admin.display(description="Last used")
    def used(self, row: Any) -> str:
        return _epoch(row.health.used_at)

    @admin.display(description="Last error")
    def trouble(self, row: Any) -> SafeString | str:
        if error := row.health.error:
            return format_html("{}<br><small>{}</small>", mask_text(error), _epoch(row.health.error_at))
        return mask_text(row.last_error) or "-"


def shown(verdict: Verdict) -> SafeString:
    """A state as a coloured word, with its end and why."""
    until = f" until {_moment(verdict.until)}" if verdict.until else ""
    name = verdict.state.value.replace(" ", "-")
    why = (
        format_html('<br><small class="why">{}</small>', mask_text(verdict.reason)) if verdict.reason else ""
    )
    return format_html('<span class="state state-{}">{}</span>{}{}', name, verdict.state.value, until, why)


def healths(rows: Sequence[Credential]) -> list[Health]:
    """How these rows fare; without Redis nothing is known, and the page is shown all the same."""
    keys = [f"database:{row.pk}" for row in rows]
    try:
        known = credential_health.read(keys)
    except (redis.RedisError, ValueError) as error:
        log.warning("admin.health_unavailable", extra={"error": type(error).__name__})
        return [Health()] * len(keys)
    return [known[key] for key in keys]


def bar(share: float) -> SafeString:
    """A share from 0 to 1 as a bar, drawn with attributes alone: the page's policy allows no inline style."""
    level = "full" if share >= FULL else "nearly" if share >= NEARLY else "fine"
    filled = round(min(max(share, 0.0), 1.0) * BAR_WIDTH)
    return format_html(
        '<svg class="bar" width="{0}" height="8" viewBox="0 0 {0} 8" role="img" aria-label="{1} used">'
        '<rect class="bar-track" width="{0}" height="8" rx="2"/>'
        '<rect class="bar-{2}" width="{3}" height="8" rx="2"/></svg>',
        BAR_WIDTH,
        f"{share:.0%}",
        level,
        filled,
    )


def _epoch(seconds: float) -> str:
    return _moment(datetime.fromtimestamp(seconds, UTC)) if seconds else "-"


def _moment(moment: datetime) -> str:
    return format_date(timezone.localtime(moment), "Y-m-d H:i")

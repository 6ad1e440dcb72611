"""Each credential that Nexus may spend, rows, files and CLAUDE_API_KEY: how it fares, and what its account cost. Never a secret."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import redis

from accounts.credentials import folder
from accounts.credentials import health as credential_health
from accounts.credentials.files import CredentialFile, domain_of
from accounts.credentials.health import Health
from accounts.credentials.sealed import unseal, with_sealed
from accounts.credentials.state import Secrets, State, Verdict, judge
from accounts.models import Credential
from accounts.snapshot.credentials import from_environment
from dashboard.filters.filter import Filter
from dashboard.queries.sums.breakdowns import DIMENSIONS, breakdown
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.spans import Span, span_of
from dashboard.queries.window_forecast import LOOKBACKS, Sample, full_at, lookback_of
from dashboard.queries.window_history import PREFIX, History, history

SERVED = ("period", "from", "to", "zone", "domain", "account")
# As far back as any forecast looks.
_FORECAST = max(LOOKBACKS.values())
_BROKEN = Verdict(State.INVALID, "Its file cannot be used: the log says why, as credential_file.unusable.")


class Source(StrEnum):
    """Where a credential lies."""

    DATABASE = "database"
    FILE = "file"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Held:
    """A credential where it lies, without its secrets. `domain` is "" where it pays for any; `key` is that of its health."""

    source: Source
    key: str
    name: str
    domain: str
    account: str
    row: Credential
    secrets: Secrets
    is_broken: bool = False

    def verdict(self, health: Health, now: datetime) -> Verdict:
        """In which state it is."""
        return _BROKEN if self.is_broken else judge(self.row, self.secrets, health, now)


@dataclass(frozen=True, slots=True)
class Window:
    """How much of what the API allows is used, 0 to 1; one whose reset has passed is empty. `model` is "" where it is of all.

    `full_at` is the forecast of `window_forecast`, from `samples`, what was stored of it in eight days.
    """

    name: str
    model: str
    used_share: float
    resets_at: datetime | None
    full_at: datetime | None
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Listed:
    """One credential: `sums` are those of its account, which several credentials may share."""

    held: Held
    verdict: Verdict
    health: Health
    windows: list[Window]
    sums: Figures


@dataclass(frozen=True, slots=True)
class Accounts:
    """`others` are sums of accounts without a credential: removed ones, and "" for what clients paid themselves."""

    span: Span
    redis_answers: bool
    credentials: list[Listed]
    others: dict[str, Figures]


def overview(chosen: Filter, now: datetime) -> Accounts:
    """The credentials of a filter by domain, and the sums of their accounts in its period (24 hours without one)."""
    span, everything = span_of(chosen, now), list(_held())
    held = [each for each in everything if _is_asked_for(each, chosen, {each.domain for each in everything})]
    healths = _healths([each.key for each in held])
    sums = breakdown(DIMENSIONS["account"], span, chosen)
    known_windows = history({each.account for each in held}, now)
    listed = [
        _listed(each, (healths or {}).get(each.key, Health()), sums, known_windows, now) for each in held
    ]
    known = {each.account for each in everything}
    others = {account: part for account, part in sums.items() if account not in known}
    return Accounts(span, healths is not None, listed, others)


def nearest(chosen: Filter, now: datetime, most: int) -> list[tuple[Held, Window]]:
    """The fullest window of each credential of a filter by domain, the fullest first, and no sums."""
    everything = list(_held())
    held = [each for each in everything if _is_asked_for(each, chosen, {each.domain for each in everything})]
    healths = _healths([each.key for each in held]) or {}
    known = history({each.account for each in held}, now, _FORECAST)
    fullest = [
        (each, max(found, key=lambda window: window.used_share))
        for each in held
        if (found := windows(healths.get(each.key, Health()), each.account, known, now))
    ]
    return sorted(fullest, key=lambda pair: -pair[1].used_share)[:most]


def _listed(held: Held, health: Health, sums: Mapping[str, Figures], known: History, now: datetime) -> Listed:
    found = windows(health, held.account, known, now)
    return Listed(held, held.verdict(health, now), health, found, sums.get(held.account, Figures()))


def windows(health: Health, account: str, known: History, now: datetime) -> list[Window]:
    """What the API last reported of its limits."""
    found = []
    for name, (used, reset) in sorted(health.gauges.items()):
        short = name.removeprefix(PREFIX)
        samples = known.get((account, short), ())
        is_over = 0 < reset <= now.timestamp()
        found.append(
            Window(
                name=short,
                model=short.partition("_")[2],
                used_share=0.0 if is_over else used,
                resets_at=datetime.fromtimestamp(reset, UTC) if reset and not is_over else None,
                full_at=None if is_over else full_at(samples, now, lookback_of(short)),
                samples=samples,
            )
        )
    return found


def _is_asked_for(held: Held, chosen: Filter, domains: set[str]) -> bool:
    if chosen.account and held.account != chosen.account:
        return False
    if chosen.domain in domains:
        return not chosen.domain or held.domain == chosen.domain
    return chosen.domain in held.domain


def _healths(keys: list[str]) -> dict[str, Health] | None:
    """None where Redis, which knows, does not say."""
    try:
        return credential_health.read(keys)
    except (redis.RedisError, ValueError):
        return None


def _held() -> Iterator[Held]:
    for row in with_sealed(Credential.objects.order_by("domain__name", "pk")):
        account = row.account_id or row.name
        yield Held(
            Source.DATABASE, f"database:{row.pk}", row.name, row.domain.name, account, row, unseal(row)
        )
    for path, file in sorted(folder.files_now().items()):
        yield _of_file(path, file)
    if default := from_environment():
        row = Credential(name=default.name, kind=default.kind)
        secrets = Secrets(api_key=default.secret, access_token=default.secret)
        yield Held(Source.ENVIRONMENT, default.key, default.reference, "", default.account, row, secrets)


def _of_file(path: Path, file: CredentialFile | None) -> Held:
    key, domain = f"file:{path}", domain_of(path) or ""
    if file is None:
        return Held(Source.FILE, key, path.name, domain, path.name, Credential(), Secrets(), is_broken=True)
    state = Credential.State.NEEDS_LOGIN if file.dead else Credential.State.VALID
    row = Credential(kind=file.kind, state=state, expires_at=file.expires_at, account_id=file.account_id)
    secrets = Secrets(file.api_key, file.access_token, file.refresh_token)
    return Held(Source.FILE, key, path.name, domain, file.account_id or path.name, row, secrets)

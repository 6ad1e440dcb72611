"""What /token-stats answers: plain SQL, because the relay knows none of the store's models."""

from django.db import connection

from proxy.metric_names import TOKEN_STATS_NAMES

_TOTALS = f"""
SELECT domain, {", ".join(TOKEN_STATS_NAMES)}, (extract(epoch FROM last_at) * 1000)::bigint
FROM proxy_domaintotal WHERE domain = %(domain)s OR %(domain)s::text IS NULL ORDER BY domain
"""  # noqa: S608 - our names
_FIELDS = (*TOKEN_STATS_NAMES.values(), "lastUpdated")

# What one domain ever used, by its names of today; `inputTokens` are without cache, `lastUpdated` is epoch milliseconds.
DomainStats = dict[str, int]


def all_domains() -> dict[str, DomainStats]:
    """Every domain's totals by its name."""
    return _read(None)


def token_stats(domain: str | None = None) -> dict[str, DomainStats] | DomainStats | None:
    """Every domain's totals by its name; with `domain`, that one's alone, None where it has none."""
    return all_domains() if domain is None else _read(domain).get(domain)


def _read(domain: str | None) -> dict[str, DomainStats]:
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, {"domain": domain})
        return {row[0]: dict(zip(_FIELDS, row[1:], strict=True)) for row in cursor.fetchall()}

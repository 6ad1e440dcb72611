"""What /token-stats answers: plain SQL, because the relay knows none of the store's models."""

from typing import TypedDict

from django.db import connection

_TOTALS = """
SELECT domain, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, requests,
    query_evaluations, inferences, tool_calls, (extract(epoch FROM last_at) * 1000)::bigint
FROM proxy_domaintotal WHERE domain = %(domain)s OR %(domain)s::text IS NULL ORDER BY domain
"""


class DomainStats(TypedDict):
    """What one domain ever used; `inputTokens` are without cache, `lastUpdated` is epoch milliseconds."""

    inputTokens: int
    outputTokens: int
    cacheReadInputTokens: int
    cacheCreationInputTokens: int
    requestCount: int
    queryEvaluationCount: int
    inferenceCount: int
    toolCallCount: int
    lastUpdated: int


def all_domains() -> dict[str, DomainStats]:
    """Every domain's totals by its name."""
    return _read(None)


def token_stats(domain: str | None = None) -> dict[str, DomainStats] | DomainStats | None:
    """Every domain's totals by its name; with `domain`, that one's alone, None where it has none."""
    return all_domains() if domain is None else _read(domain).get(domain)


def _read(domain: str | None) -> dict[str, DomainStats]:
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, {"domain": domain})
        return {row[0]: _stats(*row[1:]) for row in cursor.fetchall()}


def _stats(
    input_tokens: int,
    output_tokens: int,
    cache_read_tokens: int,
    cache_write_tokens: int,
    requests: int,
    query_evaluations: int,
    inferences: int,
    tool_calls: int,
    last_at_ms: int,
) -> DomainStats:
    return {
        "inputTokens": input_tokens,
        "outputTokens": output_tokens,
        "cacheReadInputTokens": cache_read_tokens,
        "cacheCreationInputTokens": cache_write_tokens,
        "requestCount": requests,
        "queryEvaluationCount": query_evaluations,
        "inferenceCount": inferences,
        "toolCallCount": tool_calls,
        "lastUpdated": last_at_ms,
    }

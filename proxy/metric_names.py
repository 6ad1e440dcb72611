"""The names under which metrics have always been known: fields that clients read, and columns of conversations.

A metric that is not here goes by its name in the table, behind those that are.
"""

from proxy.wire.billing.pricing import NOTIONAL, PARTIAL, UNPRICED

# Fields of `/api/stats`, in the order in which clients get them.
STATS_NAMES = {
    "requests": "total_requests",
    "total_tokens": "total_tokens",
    "input_tokens": "total_input_tokens",
    "output_tokens": "total_output_tokens",
    "cache_write_tokens": "total_cache_creation_tokens",
    "cache_read_tokens": "total_cache_read_tokens",
    "average_ms": "average_response_time",
    "errors": "error_count",
    UNPRICED: "unpriced_requests",
    PARTIAL: "partial_requests",
    NOTIONAL: "notional_requests",
}
# The same of one exchange. Tokens are called as in the API's `usage`; a metric that has a column and is shown follows by its name.
EXCHANGE_NAMES = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
    "duration_ms": "duration_ms",
    "tool_calls": "tool_call_count",
    "cost_usd": "cost_usd",
}
# What the row of a conversation sums up, by its columns. To count one more takes its column and `nexus_count_conversations` anew.
CONVERSATION_COLUMNS = {
    "errors": "failed",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cost_usd": "cost_usd",
    UNPRICED: UNPRICED,
    PARTIAL: PARTIAL,
    NOTIONAL: NOTIONAL,
}
# All that `/token-stats` has of a domain, but for the moment.
TOKEN_STATS_NAMES = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_tokens": "cacheReadInputTokens",
    "cache_write_tokens": "cacheCreationInputTokens",
    "requests": "requestCount",
    "query_evaluations": "queryEvaluationCount",
    "inferences": "inferenceCount",
    "tool_calls": "toolCallCount",
}
# What an event says of a stream that runs, as live pages show it.
LIVE_NAMES = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "tool_calls": "tools",
}

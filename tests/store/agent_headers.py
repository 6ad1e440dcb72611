"""The headers of a coding agent's exchanges, made up: most are the same each time, some are another value each time."""

import random
from uuid import UUID

from proxy.record import HeaderPairs


def request_headers(session: str, turn: int, body: bytes = b"") -> HeaderPairs:
    """23 of them; four vary, by the turn or the session."""
    trace = random.Random(f"{session}{turn}")
    return [
        ("host", "nexus.example:3000"),
        ("connection", "keep-alive"),
        ("accept", "application/json"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-timeout", "600"),
        ("x-stainless-lang", "js"),
        ("x-stainless-package-version", "0.60.0"),
        ("x-stainless-os", "Linux"),
        ("x-stainless-arch", "x64"),
        ("x-stainless-runtime", "node"),
        ("x-stainless-runtime-version", "v22.1.0"),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("anthropic-version", "2023-06-01"),
        ("x-app", "cli"),
        ("user-agent", "claude-cli/2.0.1 (external, cli)"),
        ("content-type", "application/json"),
        ("anthropic-beta", "claude-code-20250219,oauth-2025-04-20,interleaved-thinking-2025-05-14"),
        ("x-claude-code-session-id", session),
        ("traceparent", f"00-{trace.getrandbits(128):032x}-{trace.getrandbits(64):016x}-01"),
        ("accept-language", "*"),
        ("sec-fetch-mode", "cors"),
        ("accept-encoding", "br, gzip, deflate"),
        ("content-length", str(len(body))),
    ]


def response_headers(session: str, turn: int) -> HeaderPairs:
    """25 of them; six vary by the turn."""
    chance = random.Random(f"{turn}{session}")
    limit = "anthropic-ratelimit-unified"
    return [
        ("Date", f"Wed, 04 Mar 2026 05:{turn // 60:02d}:{turn % 60:02d} GMT"),
        ("Content-Type", "text/event-stream; charset=utf-8"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("Cache-Control", "no-cache"),
        (f"{limit}-status", "allowed"),
        (f"{limit}-5h-status", "allowed"),
        (f"{limit}-5h-reset", "1772604000"),
        (f"{limit}-5h-utilization", f"{0.01 * turn:.4f}"),
        (f"{limit}-7d-status", "allowed"),
        (f"{limit}-7d-reset", "1773000000"),
        (f"{limit}-7d-utilization", f"{0.003 * turn:.4f}"),
        (f"{limit}-representative-claim", "five_hour"),
        (f"{limit}-fallback-percentage", "0.5"),
        (f"{limit}-reset", "1772604000"),
        (f"{limit}-overage-disabled-reason", "org_level_disabled"),
        (f"{limit}-overage-status", "rejected"),
        ("request-id", f"req_011C{UUID(int=chance.getrandbits(128)).hex[:20]}"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("anthropic-organization-id", "283fe1b9-6f9b-46a0-8a3b-2c77535e9841"),
        ("x-envoy-upstream-service-time", str(chance.randrange(500, 4000))),
        ("cf-cache-status", "DYNAMIC"),
        ("X-Robots-Tag", "none"),
        ("Server", "cloudflare"),
        ("CF-RAY", f"{chance.getrandbits(64):016x}-VIE"),
    ]

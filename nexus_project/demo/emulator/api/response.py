"""The heads that the API's answers share, and JSON answers."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from nexus_project.demo.emulator.api.ids import new_id
from nexus_project.demo.received import Received
from nexus_project.demo.script import Script

ORGANIZATION = "5e0f3c1a-7d42-4c0b-9a6e-2f1b8d90c7aa"
LIMITS = {"requests": 4_000, "input-tokens": 2_000_000, "output-tokens": 400_000, "tokens": 2_400_000}


def json_response(value: object, *, status: int = 200) -> Script:
    """Return compact JSON, as one chunk without a length like the API's own."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Script(status, (("content-type", "application/json"),), (body,))


def common_headers(script: Script, entry: Received, organization: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that every answer carries: those set already are left out."""
    now = datetime.now(UTC)
    headers = [
        ("date", format_datetime(now, usegmt=True)),
        ("request-id", new_id("req")),
        ("anthropic-organization-id", organization),
        ("server", "cloudflare"),
        ("cf-cache-status", "DYNAMIC"),
        ("x-robots-tag", "none"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ]
    if entry.path == "/v1/messages" and script.status < 400:
        headers += (
            _unified_limits(now)
            if "sk-ant-oat" in entry.value("authorization")
            else _token_limits(now, entry.number)
        )
    return tuple(pair for pair in headers if script.header(pair[0]) is None)


def _token_limits(now: datetime, number: int) -> list[tuple[str, str]]:
    """API keys are told what is left of each limit (https://docs.claude.com/en/api/rate-limits)."""
    reset = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    headers: list[tuple[str, str]] = []
    for name, limit in LIMITS.items():
        used = number % 60 if name == "requests" else (number % 60) * 1_000
        values = {"limit": str(limit), "remaining": str(limit - used), "reset": reset}
        headers += [(f"anthropic-ratelimit-{name}-{key}", value) for key, value in values.items()]
    return headers


def _unified_limits(now: datetime) -> list[tuple[str, str]]:
    """OAuth accounts are told the state of their 5-hour and 7-day windows."""
    five_hours = str(int((now + timedelta(hours=3)).timestamp()))
    seven_days = str(int((now + timedelta(days=4)).timestamp()))
    prefix = "anthropic-ratelimit-unified"
    return [
        (f"{prefix}-status", "allowed"),
        (f"{prefix}-reset", five_hours),
        (f"{prefix}-representative-claim", "five_hour"),
        (f"{prefix}-fallback-percentage", "0.5"),
        (f"{prefix}-5h-status", "allowed"),
        (f"{prefix}-5h-reset", five_hours),
        (f"{prefix}-5h-utilization", "0.37"),
        (f"{prefix}-7d-status", "allowed"),
        (f"{prefix}-7d-reset", seven_days),
        (f"{prefix}-7d-utilization", "0.21"),
    ]

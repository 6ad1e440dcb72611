"""What the proxy's port answers itself: its description, health, client set-up files, token counts, and noise."""

import logging
import re
from datetime import UTC, datetime

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, connection
from django.http.response import HttpResponseBase

from accounts import guesses
from accounts.guesses import Verdict
from accounts.oauth import metrics
from proxy import token_stats
from proxy.relay import runtime
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.responses import RawResponse, error_response, json_response
from proxy.relay.http.tenant import client_address, is_local
from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.relay")

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_KEY_HEADERS = {b"x-dashboard-key", b"x-api-key", b"authorization"}
_CONTENT_TYPES = {".json": b"application/json", ".js": b"text/javascript", ".sh": b"text/x-shellscript"}


async def describe(request: RelayRequest) -> HttpResponseBase:
    """`GET /`: what this is; `HEAD /` is Claude Code's look whether anybody is there."""
    endpoints = {
        "messages": "/v1/messages",
        "api": "/v1/*",
        "health": "/health",
        "tokenStats": "/token-stats",
        "oauthMetrics": "/oauth-metrics",
        "clientSetup": "/client-setup/<file>",
    }
    return json_response(
        {
            "service": "claude-nexus-proxy",
            "version": settings.VERSION,
            "status": "operational",
            "endpoints": endpoints,
        }
    )


async def health(request: RelayRequest) -> HttpResponseBase:
    """Whether the proxy can serve; PostgreSQL and Redis do not count, as traffic flows without them."""
    ready = _ready()
    state = {
        "status": "healthy" if ready else "unhealthy",
        "service": "claude-nexus-proxy",
        "version": settings.VERSION,
        "timestamp": _now(),
    }
    return json_response(state, 200 if ready else 503)


async def ready(request: RelayRequest) -> HttpResponseBase:
    """Red while draining and before the first access snapshot."""
    return json_response({"ready": _ready(), "timestamp": _now()}, 200 if _ready() else 503)


async def alive(request: RelayRequest) -> HttpResponseBase:
    """The process answers."""
    return json_response({"alive": True, "timestamp": _now()})


def _ready() -> bool:
    nexus = runtime.current()
    return not nexus.draining and nexus.watcher.current is not None


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def hello(request: RelayRequest) -> HttpResponseBase:
    """Claude Code's greeting at start-up."""
    return json_response({"status": "ok"})


async def event_sink(request: RelayRequest) -> HttpResponseBase:
    """Claude Code's own telemetry ends here: it is dropped and never forwarded."""
    await request.drop_body()
    return json_response({"status": "ok"})


async def client_setup(request: RelayRequest, name: str) -> HttpResponseBase:
    """A file of CLIENT_SETUP_DIR, for setting clients up by curl."""
    if not _FILE_NAME.fullmatch(name):
        return error_response(
            ErrorKind.INVALID_REQUEST, "Invalid filename: give the plain name of a file, without a path.", ""
        )
    path = settings.CLIENT_SETUP_DIR / name
    if not path.is_file() or path.is_symlink():
        return error_response(
            ErrorKind.NOT_FOUND, f"File not found: {name}. The operator puts files into CLIENT_SETUP_DIR.", ""
        )
    content_type = _CONTENT_TYPES.get(path.suffix, b"text/plain; charset=utf-8")
    headers = [
        (b"content-type", content_type),
        (b"cache-control", b"public, max-age=3600"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return RawResponse(200, headers, await sync_to_async(path.read_bytes, thread_sensitive=False)())


async def stats(request: RelayRequest) -> HttpResponseBase:
    """`/token-stats[?domain=]`: tokens per domain over all processes and restarts (docs/predecessor.md#token-stats)."""
    if refused := await _refusal(request):
        return refused
    if not settings.DATABASE_URL:
        return error_response(ErrorKind.UNAVAILABLE, "Token counts live in PostgreSQL: set DATABASE_URL.", "")
    try:
        read = sync_to_async(_read_stats, thread_sensitive=False)
        domain = request.GET.get("domain")
        # No domain holds a NUL, and PostgreSQL would refuse the question.
        return json_response(None if domain and "\x00" in domain else await read(domain and domain.lower()))
    except DatabaseError as error:
        log.warning("token_stats.database_down", extra={"why": type(error).__name__})
        return error_response(
            ErrorKind.UNAVAILABLE, "PostgreSQL does not answer; traffic goes on, so try again later.", ""
        )


async def oauth_metrics(request: RelayRequest) -> HttpResponseBase:
    """`/oauth-metrics`: counts of token refreshes (docs/predecessor.md#oauth-metrics); null where nobody can say."""
    if refused := await _refusal(request):
        return refused
    return json_response(await sync_to_async(_read_metrics, thread_sensitive=False)())


def _read_metrics() -> object:
    try:
        return metrics.read()
    finally:
        connection.close()


def _key_wanted() -> HttpResponseBase:
    message = "Send DASHBOARD_API_KEY in x-dashboard-key, x-api-key or Authorization; only this machine goes without."
    return error_response(ErrorKind.AUTHENTICATION, message, "")


def _read_stats(domain: str | None) -> object:
    """With a connection of its own: this process keeps none, so none can be found broken after an outage."""
    try:
        return token_stats.token_stats(domain)
    finally:
        connection.close()


async def _refusal(request: RelayRequest) -> HttpResponseBase | None:
    """None for this very machine, and for who shows DASHBOARD_API_KEY and did not guess too often before."""
    if is_local(request.scope):
        return None
    values = (value for name, value in request.pairs if name in _KEY_HEADERS)
    shown = [(value[7:] if value[:7].lower() == b"bearer " else value).decode("latin-1") for value in values]
    if not shown:
        return _key_wanted()
    who = guesses.counted_as(client_address(request.scope))
    verdict = await sync_to_async(guesses.judge, thread_sensitive=False)(who, shown)
    if verdict is Verdict.RIGHT:
        return None
    if verdict is Verdict.WRONG:
        return _key_wanted()
    wait = await sync_to_async(guesses.wait_of, thread_sensitive=False)(who)
    message = (
        f"Too many wrong keys from this address: wait {wait} s, then send the value of DASHBOARD_API_KEY."
    )
    return error_response(ErrorKind.RATE_LIMIT, message, "", [(b"retry-after", str(wait).encode())])


def nothing_here(request: RelayRequest, exception: Exception | None = None) -> HttpResponseBase:
    """404 for whatever is no path of the proxy."""
    return error_response(
        ErrorKind.NOT_FOUND,
        f"Nexus has nothing at {request.path[:200]}: the API's paths begin with /v1/.",
        "",
    )


def broken(request: RelayRequest) -> HttpResponseBase:
    """500 for a bug of ours, without its details."""
    return error_response(
        ErrorKind.INTERNAL,
        "Nexus failed on this request; its log says why. Try again, and tell its operator.",
        "",
    )

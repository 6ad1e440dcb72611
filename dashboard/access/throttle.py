"""Whose wrong keys and passwords count together (accounts/guesses.py), and what they hear who have to wait."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts import guesses


def address_of(request: HttpRequest) -> str:
    """The peer's address; behind TRUSTED_PROXIES the last one in X-Forwarded-For that none of them has, as it counts."""
    hops = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    address = request.META.get("REMOTE_ADDR", "")
    while hops and _is_trusted(address):
        address = hops.pop()
    return guesses.counted_as(address)


def _is_trusted(address: str) -> bool:
    parsed = guesses.parsed(address)
    return parsed is not None and any(parsed in network for network in settings.TRUSTED_PROXIES)


def advice(seconds: int) -> str:
    """What a page says to who has to wait so long."""
    minutes = -(-seconds // 60)
    return f"Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."


def refuse(response: HttpResponse, seconds: int) -> HttpResponse:
    """Make an answer the one of who has to wait (RFC 6585 §4)."""
    response.status_code = 429
    response.headers["Retry-After"] = str(seconds)
    return response

"""One post to one webhook: https only, no redirect followed, no address inside our network.

Through a proxy (accounts.outbound) the proxy looks the name up; the addresses are checked where this machine knows the name too.

Answers: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors.
"""

import email.utils
import time
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import httpx
from django.conf import settings

from accounts.outbound import trust
from accounts.outbound.client import client_for, kind_of
from accounts.outbound.proxies import proxy_for
from proxy.store.notifications.public_address import PrivateAddress, resolve

TIMEOUT_SECONDS = 10
UNKNOWN_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 3600.0
_RESPONSE_BYTES = 200

_ACTION = {
    "no_service": "the webhook was removed: make a new one in Slack and set it",
    "no_team": "the workspace does not exist: make a webhook in another one and set it",
    "invalid_token": "the webhook's address is incomplete: copy it from Slack again",
    "channel_not_found": "the channel does not exist: correct its name or leave it empty",
    "channel_is_archived": "the channel is archived: choose another one",
    "action_prohibited": "the workspace does not allow this webhook: ask its administrator",
    "posting_to_general_channel_denied": "the webhook may not post to that channel: choose another one",
}


class Undeliverable(Exception):
    """Trying again will not help; the message says what to do."""


class NotNow(Exception):
    """Worth another try; `wait_seconds` is how long Slack asked to wait, None when it did not say."""

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


def send(webhook_url: str, post: Mapping[str, object]) -> None:
    """Post JSON to the webhook. Raises Undeliverable or NotNow; neither tells the webhook's address."""
    target = _checked(webhook_url)
    status, content, headers = _exchange(target, _hosts(target), post)
    _judge(status, content, headers)


def _checked(webhook_url: str) -> SplitResult:
    try:
        target = urlsplit(webhook_url)
        good = target.scheme == "https" and bool(target.hostname) and target.port != 0
    except ValueError:
        good = False
    if not good:
        raise Undeliverable("the webhook is not an https address: copy it from Slack again")
    return target


def _hosts(target: SplitResult) -> list[str]:
    """What to connect to, best first: the checked addresses, so that no second look-up can change them, or the name for a proxy."""
    name = target.hostname or ""
    proxied = proxy_for(target.geturl()) is not None
    try:
        addresses = resolve(name, target.port or 443, allow_private=settings.SLACK_ALLOW_PRIVATE_ADDRESSES)
    except PrivateAddress as error:
        raise Undeliverable(
            "the webhook's host has a private address: set a webhook on the public internet"
        ) from error
    except (OSError, UnicodeError) as error:
        if not proxied:
            raise NotNow(f"the webhook's host has no address ({type(error).__name__})") from error
        addresses = []
    return [_bracketed(name)] if proxied else [_bracketed(str(address)) for address in addresses]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _exchange(
    target: SplitResult, hosts: list[str], post: Mapping[str, object]
) -> tuple[int, str, httpx.Headers]:
    """The status, the beginning of the answer and its headers, from the first host that connects."""
    failure: Exception | None = None
    try:
        context = trust.context("SLACK_CA_FILE", settings.SLACK_CA_FILE)
    except trust.BadCertificates as error:
        raise Undeliverable(str(error)) from error
    with client_for(target.geturl(), TIMEOUT_SECONDS, context) as client:
        for host in hosts:
            try:
                return _post(client, target, host, post)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            except httpx.TransportError as error:
                raise NotNow(f"the connection failed ({kind_of(error)})") from error
            except (httpx.InvalidURL, UnicodeError) as error:
                raise Undeliverable(
                    "the webhook is not a usable address: copy it from Slack again"
                ) from error
    raise NotNow(f"no connection to the webhook's host ({failure})") from failure


def _post(
    client: httpx.Client, target: SplitResult, host: str, post: Mapping[str, object]
) -> tuple[int, str, httpx.Headers]:
    url = httpx.URL(target._replace(netloc=f"{host}:{target.port or 443}", fragment="").geturl())
    request = client.build_request(
        "POST",
        url,
        json=post,
        headers={"host": target.netloc.rpartition("@")[2], "accept-encoding": "identity"},
        extensions={"sni_hostname": target.hostname},
    )
    response = client.send(request, stream=True, follow_redirects=False)
    try:
        body = next(response.iter_raw(_RESPONSE_BYTES), b"")
    finally:
        response.close()
    return response.status_code, body.decode("ascii", "replace").strip(), response.headers


def _judge(status: int, body: str, headers: httpx.Headers) -> None:
    if 200 <= status < 300:
        return
    if status == 429:
        raise NotNow("Slack limits the rate", _wait_seconds(headers.get("retry-after", "")))
    if status >= 500 or status == 408:
        raise NotNow(f"Slack answered {status}")
    if 300 <= status < 400:
        raise Undeliverable("the webhook redirects, which is not followed: set its final address")
    action = _ACTION.get(body, "check the webhook and the channel")
    word = body if body in _ACTION else "an unknown response"
    raise Undeliverable(f"Slack answered {status} ({word}): {action}")


def _wait_seconds(value: str) -> float:
    """Retry-After is a number of seconds or a date (RFC 9110 §10.2.3)."""
    try:
        seconds = float(value)
    except ValueError:
        moment = email.utils.parsedate_tz(value)
        seconds = email.utils.mktime_tz(moment) - time.time() if moment else UNKNOWN_WAIT_SECONDS
    # Also takes care of "nan", which is smaller and larger than nothing.
    return min(max(seconds, 1.0), LONGEST_WAIT_SECONDS) if seconds == seconds else UNKNOWN_WAIT_SECONDS

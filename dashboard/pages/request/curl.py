"""A request as a command of curl, for a shell: credentials are variables, and a body that is large or secret is a file."""

import shlex
from dataclasses import dataclass

from accounts.secrets.masking import mask_text
from accounts.secrets.names import is_secret_header
from proxy.store.models import Exchange

MOST_INLINE = 4_000
# What curl sets by itself, what is for one hop, and what only this body's coding makes right.
_LEFT_OUT = frozenset(
    {
        "host", "content-length", "connection", "keep-alive", "accept-encoding", "expect", "te", "trailer",
        "transfer-encoding", "upgrade", "cookie",
    }
)  # fmt: skip
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Curl:
    """`target` follows the address of the proxy; `lines` are the options. With `file`, the exact body is fetched into it first."""

    target: str
    lines: list[str]
    file: str = ""


def curl_of(exchange: Exchange, headers: Headers, body: bytes) -> Curl:
    """`body` is the request's without a content coding."""
    path = f"{exchange.path}?{exchange.query}" if exchange.query else exchange.path
    lines = [f"-X {shlex.quote(exchange.method)}"] if exchange.method not in ("GET", "POST") else []
    lines += [f"-H {shlex.quote(f'host: {mask_text(exchange.domain)}')}", _credential(headers)]
    inline = _inline(body)
    lines += _headers(headers, is_coded=inline is None)
    file = "" if inline is not None or not body else f"request-{exchange.id}.body"
    if file:
        lines.append(f"--data-binary @{file}")
    elif inline:
        lines.append(f"--data-raw {shlex.quote(inline)}")
    return Curl(shlex.quote(mask_text(path)), lines, file)


def _credential(headers: Headers) -> str:
    """The kind that the client showed, never what it was."""
    if any(name.lower() == "authorization" for name, _ in headers):
        return '-H "authorization: Bearer $ANTHROPIC_AUTH_TOKEN"'
    return '-H "x-api-key: $ANTHROPIC_API_KEY"'


def _headers(headers: Headers, *, is_coded: bool) -> list[str]:
    """The others, without any that carries a secret by its name or in its value."""
    left_out = _LEFT_OUT if is_coded else _LEFT_OUT | {"content-encoding"}
    return [
        f"-H {shlex.quote(f'{name}: {value}')}"
        for name, value in headers
        if name.lower() not in left_out
        and not name.lower().startswith(("x-forwarded-", "x-nexus-"))
        and not is_secret_header(name)
        and mask_text(f"{name}: {value}") == f"{name}: {value}"
    ]


def _inline(body: bytes) -> str | None:
    """The body as a word of the command; None where it is too large, no text, or holds a secret."""
    if len(body) > MOST_INLINE:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if "\x00" not in text and mask_text(text) == text else None

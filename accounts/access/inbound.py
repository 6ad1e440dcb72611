"""The credentials that a client sends: which value is a Nexus key, and what of the rest goes upstream as its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from accounts.access.keys import find_client_key

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Inbound:
    """`client_key` is the Nexus key, "" without one; `headers` the client's own credential as it goes upstream."""

    client_key: str = field(default="", repr=False)
    headers: tuple[Header, ...] = field(default=(), repr=False)
    is_oauth: bool = False


NOTHING = Inbound()


def read_credentials(headers: Iterable[Header]) -> Inbound:
    """Sort the values of `authorization` and `x-api-key` (lower-case names), as in docs/wire-protocol.md#credential-of-the-client.

    A Nexus key counts in either header, and a value that holds one stays here. Any other value goes upstream as it came, in its
    own header: SDKs send API keys as bearers too. `Bearer sk-ant-oat…` needs the OAuth beta.
    """
    client_key, own, is_oauth = "", [], False
    for name, value in headers:
        token = _token(name, value)
        if not token:
            continue
        if found := find_client_key(token):
            client_key = client_key or found
        else:
            own.append((name, value))
            is_oauth = is_oauth or (name == b"authorization" and token.startswith("sk-ant-oat"))
    if not client_key and not own:
        return NOTHING
    return Inbound(client_key, tuple(own), is_oauth)


def _token(name: bytes, value: bytes) -> str:
    """The bare credential: without its scheme in `authorization`."""
    text = value.decode("utf-8", "replace").strip()
    if name == b"authorization" and (text + " ")[:7].lower() == "bearer ":
        return text[7:].strip()
    return text

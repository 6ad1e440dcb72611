"""Signing in with a Claude account in a browser: the address to open, and the code that its page shows, for a pair of tokens.

Whoever begins keeps `Login` until the code comes: its verifier is a secret (PKCE, RFC 7636), its state ties the code to it.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.conf import settings

from accounts.oauth.endpoint import DEFAULT_SCOPES, Tokens, exchange_code

# docs/predecessor.md#oauth: the page shows the code, as nothing listens on this machine.
AUTHORIZE_URL = "https://claude.ai/oauth/authorize"
REDIRECT_URI = "https://console.anthropic.com/oauth/code/callback"


class BadCode(Exception):
    """What was pasted is no code of this sign-in; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Login:
    """A sign-in that was begun."""

    verifier: str = field(repr=False)
    state: str = field(repr=False)

    def address(self) -> str:
        """Where to sign in: PKCE with S256 (RFC 7636)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "code": "true",
            "client_id": settings.CLAUDE_OAUTH_CLIENT_ID,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": " ".join(DEFAULT_SCOPES),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "state": self.state,
        }
        return f"{AUTHORIZE_URL}?{urlencode(query)}"

    def finish(self, pasted: str) -> Tokens:
        """The tokens for `code#state`. Raises BadCode, or RefreshFailed where the token endpoint refuses."""
        code, mark, reported = pasted.strip().partition("#")
        if not code or not mark:
            raise BadCode("That is no code#state: paste the whole line that the page shows.")
        if not secrets.compare_digest(reported.encode(), self.state.encode()):
            raise BadCode("The state is not that of this address: somebody else's page, or an older one.")
        return exchange_code(code, self.state, self.verifier, REDIRECT_URI)


def begin() -> Login:
    """A new one."""
    return Login(verifier=secrets.token_urlsafe(32), state=secrets.token_urlsafe(32))

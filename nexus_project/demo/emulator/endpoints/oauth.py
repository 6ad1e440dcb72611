"""POST /v1/oauth/token and GET /api/oauth/usage: refresh tokens rotate, and each works once."""

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import parse_qsl

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.ids import new_token
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.script import Script

LIFETIME_SECONDS = 28_800
DEFAULT_SCOPE = "org:create_api_key user:profile user:inference"


class OAuth:
    """The token endpoint.

    `answers` holds scripts that the next calls get in place of tokens; `calls` counts every call; `grants`
    holds the tokens given, newest last. A refresh token from elsewhere is taken once, if it looks like one.
    """

    REQUIRED: ClassVar[dict[str, tuple[str, ...]]] = {
        "refresh_token": ("refresh_token", "client_id"),
        "authorization_code": ("code", "client_id", "redirect_uri", "code_verifier"),
    }

    def __init__(self) -> None:
        self.responses: deque[Script] = deque()
        self.calls = 0
        self.grants: list[Json] = []
        self.lifetime_seconds = LIFETIME_SECONDS
        self._used: set[str] = set()

    def token(self, call: Call) -> Script:
        self.calls += 1
        if self.responses:
            return self.responses.popleft()
        asked = call.json or dict(parse_qsl(call.entry.body.decode("latin-1")))
        grant = str(asked.get("grant_type"))
        if grant not in self.REQUIRED:
            return refusal("unsupported_grant_type", f"Grant type {grant} is not supported")
        missing = [name for name in self.REQUIRED[grant] if not asked.get(name)]
        if missing:
            return refusal("invalid_request", f"Missing: {', '.join(missing)}")
        secret = asked["refresh_token" if grant == "refresh_token" else "code"]
        if secret in self._used or (grant == "refresh_token" and not secret.startswith("sk-ant-ort")):
            return refusal("invalid_grant", "Refresh token not found or invalid")
        self._used.add(secret)
        return json_response(self._grant(asked.get("scope", DEFAULT_SCOPE)))

    def usage(self, call: Call) -> Script:
        now = datetime.now(UTC)
        windows = {"five_hour": (37.0, 3), "seven_day": (21.0, 96), "seven_day_opus": (4.0, 96)}
        return json_response(
            {
                name: {"utilization": used, "resets_at": (now + timedelta(hours=hours)).isoformat()}
                for name, (used, hours) in windows.items()
            }
        )

    def _grant(self, scope: str) -> Json:
        grant = {
            "token_type": "Bearer",
            "access_token": new_token("oat"),
            "expires_in": self.lifetime_seconds,
            "refresh_token": new_token("ort"),
            "scope": scope,
        }
        self.grants.append(grant)
        return grant


def refusal(kind: str, description: str, *, status: int = 400) -> Script:
    """Return an OAuth error (RFC 6749 §5.2); `invalid_grant` means that a person must sign in again."""
    return json_response({"error": kind, "error_description": description}, status=status)

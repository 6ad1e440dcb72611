"""Whether a request carries a credential that the API would take."""

from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.received import Received
from nexus_project.demo.script import Script

OAUTH_BETA = "oauth-2025-04-20"
BEARER_KEYS_SINCE = "2026-10-21"


def check_credential(entry: Received, revoked: set[str]) -> Script | None:
    """Return the 401 that the API would answer, None for a good credential.

    Any key is good that is not in `revoked`; an OAuth token must come as a bearer with its beta value. A key
    as a bearer, as version 2 of the SDK sends it, is taken from the API version on that this SDK names.
    """
    if entry.credential is None:
        return error(401, "x-api-key header is required")
    if entry.credential in revoked:
        return error(
            401, "invalid x-api-key" if entry.value("x-api-key") else "OAuth token has been revoked."
        )
    if entry.value("x-api-key"):
        return None
    if not entry.credential.startswith("sk-ant-oat"):
        return (
            None
            if entry.value("anthropic-version") >= BEARER_KEYS_SINCE
            else error(401, "Invalid bearer token")
        )
    if OAUTH_BETA not in entry.value("anthropic-beta"):
        return error(401, "OAuth authentication is currently not supported.")
    return None

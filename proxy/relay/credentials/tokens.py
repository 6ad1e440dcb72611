"""The token of a credential, renewed where it is due or where the API refused it."""

import math
import time

from accounts.access.decision import AccessCredential
from accounts.snapshot.watcher import Watcher
from proxy.relay.credentials.refresh import Refresher

# A token that is refused so soon after a refresh is not the reason: some requests are not open to OAuth at all.
RENEWED_SECONDS = 30.0


class Tokens:
    """Credentials with the tokens that they have now; used by the event loop alone."""

    def __init__(self, watcher: Watcher, refresher: Refresher) -> None:
        self._watcher = watcher
        self._refresher = refresher
        self._renewed_at: dict[str, float] = {}

    def current(self, credential: AccessCredential) -> AccessCredential | None:
        """The credential as it is now, None where it is gone or cannot pay."""
        snapshot = self._watcher.current
        found = snapshot.credential(credential.key) if snapshot else None
        return found if found and found.usable(time.time()) else None

    async def refreshed(self, credential: AccessCredential) -> AccessCredential | None:
        """The credential after the refresh that was due."""
        await self._refresher.refresh(credential)
        return self.current(credential)

    async def renewed(self, credential: AccessCredential) -> AccessCredential | None:
        """The credential with another token than this one, which the API refused; None where there is none.

        Unchanged where it was renewed so lately that the token cannot be the reason.
        """
        found = self.current(credential)
        recent = time.monotonic() < self._renewed_at.get(credential.key, -math.inf) + RENEWED_SECONDS
        if recent or not credential.refreshable:
            return found if recent or (found and found.secret != credential.secret) else None
        if found is None or found.secret == credential.secret:
            await self._refresher.refresh(credential, rejected=True)
            found = self.current(credential)
            if found and found.secret != credential.secret:
                self._renewed_at[credential.key] = time.monotonic()
        return found if found and found.secret != credential.secret else None

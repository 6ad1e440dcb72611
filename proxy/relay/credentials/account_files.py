"""Files lie in one account: a request about them goes to the credential that has the file, else to the session's, or the first."""

import time
from dataclasses import replace

from accounts.access.decision import Decision
from proxy.relay.credentials.affinity import Affinity, affinity_key_of
from proxy.relay.credentials.ids import Ids, scope_of
from proxy.relay.http.request import RelayRequest
from proxy.wire.ids import file_of

FILES = "/v1/files"


class AccountFiles:
    """Requests of a pool that one credential alone may take; what the domain's credentials pay for is decided already."""

    def __init__(self, affinity: Affinity, ids: Ids) -> None:
        self._affinity = affinity
        self._ids = ids
        self._open: set[RelayRequest] = set()

    async def settle(self, request: RelayRequest, decision: Decision, refreshed: frozenset[str]) -> Decision:
        """The decision for one credential; `refresh` is set where that is due. Batches and what else is kept go to the first."""
        alone = replace(decision, pool=())
        if not request.target.startswith(FILES):
            return alone
        self._open.add(request)
        file = file_of(request.target)
        key = (await self._ids.owner(scope_of(decision), [file]) if file else "") or await self._of_session(
            request, decision
        )
        credential = next((credential for credential in decision.pool if credential.key == key), None)
        if credential is None:
            return alone
        if credential.wants_refresh(time.time()) and credential.key not in refreshed:
            return replace(alone, refresh=credential)
        return alone.paid_with(credential)

    async def _of_session(self, request: RelayRequest, decision: Decision) -> str:
        """The session's credential; a session that begins with a file is where the file is."""
        affinity_key = affinity_key_of(request, decision)
        if not affinity_key[1]:
            return ""
        if not self._affinity.binding(affinity_key).key:
            self._affinity.bind(affinity_key, decision.pool[0].key)
        now = time.time()
        if self._affinity.is_stale(affinity_key, now):
            await self._affinity.share(affinity_key, now)
        return self._affinity.binding(affinity_key).key

    def concerns(self, request: RelayRequest) -> bool:
        """Whether its response is about files of a pool."""
        return request in self._open

    def release(self, request: RelayRequest) -> None:
        """The request has ended."""
        self._open.discard(request)

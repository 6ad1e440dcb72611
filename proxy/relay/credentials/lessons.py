"""What responses say of the credential that was asked: how it fares, whose session and whose ids they are."""

import time

import httpx

from accounts.access.decision import AccessCredential, Decision
from accounts.access.paths import Reach, reach_of
from proxy.relay.capture.exchange import Exchange
from proxy.relay.credentials.account_files import AccountFiles
from proxy.relay.credentials.affinity import Affinity, affinity_key_of
from proxy.relay.credentials.ids import Ids, scope_of
from proxy.relay.credentials.outcome import UNREACHABLE, Outcome, asked_again
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.updates import HealthUpdates
from proxy.relay.http.request import RelayRequest
from proxy.wire.ids import file_of


class Lessons:
    """Notes outcomes for the pool, the affinity of sessions, ids and health."""

    def __init__(
        self, updates: HealthUpdates, pool: Pool, affinity: Affinity, ids: Ids, files: AccountFiles
    ) -> None:
        self._updates = updates
        self._pool = pool
        self._affinity = affinity
        self._ids = ids
        self._files = files

    def answered(
        self,
        request: RelayRequest,
        exchange: Exchange,
        decision: Decision,
        credential: AccessCredential,
        response: httpx.Response,
        sent_at: float,
    ) -> None:
        """A response that is not about the credential."""
        self._updates.answered(credential.key, response.headers)
        if decision.pool:
            self._pool.answered(credential, response.status_code, response.headers, sent_at)
        about_files = self._files.concerns(request)
        if response.status_code < 400 and (decision.pool or about_files):
            exchange.gives_for = scope_of(decision), credential.key
            if request.method == "DELETE":
                exchange.gives_for = None
                self._ids.forget(scope_of(decision), file_of(request.target))
        # Where the others are gone the last one is no pool any more, and sessions move to it.
        if decision.pool or (self._affinity.concerns(decision.domain) and is_shared(request)):
            self._updates.learn_organisation(credential.key, response.headers)
            affinity_key = affinity_key_of(request, decision)
            exchange.left_organisation = self._affinity.answered(
                affinity_key, credential, decision.pool, response.status_code, time.time()
            )

    def refused(self, credential: AccessCredential, outcome: Outcome, why: str) -> None:
        """A credential was refused."""
        if isinstance(outcome, httpx.Response):
            self._updates.answered(credential.key, outcome.headers)
        self._updates.failed(credential.key, UNREACHABLE if why == UNREACHABLE else f"the API answered {why}")

    def failed(self, credential: AccessCredential, outcome: Outcome | None, why: str, sent_at: float) -> None:
        """A credential of a pool cools down, as long as the outcome says."""
        self._pool.failed(
            credential, why, asked_again(outcome, why) if outcome is not None else None, sent_at
        )

    def learn_organisation(self, credential: AccessCredential, outcome: Outcome) -> None:
        """Also a refusal names the organisation."""
        if isinstance(outcome, httpx.Response):
            self._updates.learn_organisation(credential.key, outcome.headers)


def is_shared(request: RelayRequest) -> bool:
    """Whether any credential may be asked: what is kept lies in the account that made it."""
    return reach_of(request.method or "", request.target) is Reach.SHARED

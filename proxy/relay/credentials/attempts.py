"""Send a request upstream with a credential: chosen of the pool where it is left to that, and another one where it was refused."""

import time
from dataclasses import replace

import httpx
from django.conf import settings

from accounts.access.decision import OAUTH_BETA, AccessCredential, Decision
from accounts.snapshot.watcher import Watcher
from proxy.relay.background import spawn
from proxy.relay.capture.exchange import Exchange
from proxy.relay.credentials.account_files import AccountFiles
from proxy.relay.credentials.affinity import Affinity
from proxy.relay.credentials.choosing import Chooser
from proxy.relay.credentials.ids import Ids, scope_of
from proxy.relay.credentials.lessons import Lessons, is_shared
from proxy.relay.credentials.outcome import REFUSALS, REFUSED, Outcome, refusal_of, response_of
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.refresh import Refresher
from proxy.relay.credentials.retries import Retries
from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.relay.credentials.tokens import Tokens
from proxy.relay.credentials.updates import HealthUpdates
from proxy.relay.http.headers import upstream_headers
from proxy.relay.http.request import RelayRequest
from proxy.relay.upstream.transport import UpstreamTransport, build_request
from proxy.wire.ids import named

_OAUTH_BETA = OAUTH_BETA.encode()


class Sender:
    """The way upstream with everything that a second attempt needs."""

    def __init__(self, upstream: UpstreamTransport, watcher: Watcher, refresher: Refresher) -> None:
        self.updates = HealthUpdates()
        self.pool = Pool(self.updates)
        self._redis = SharedRedis()
        self.affinity = Affinity(self.updates, self.pool, self._redis)
        self.ids = Ids(self._redis)
        self.tokens = Tokens(watcher, refresher)
        self._chooser = Chooser(self.pool, self.affinity)
        self._files = AccountFiles(self.affinity, self.ids)
        self._lessons = Lessons(self.updates, self.pool, self.affinity, self.ids, self._files)
        self._upstream = upstream

    async def settle(self, request: RelayRequest, decision: Decision, refreshed: frozenset[str]) -> Decision:
        """A decision that was left to the pool; `refresh` is set where the chosen token is due. Raises Refused."""
        # Files, batches and whatever else is kept lie in the account that made them: another one does not find them.
        if not is_shared(request):
            return await self._files.settle(request, decision, refreshed)
        named_ids = named(request.content)
        if named_ids and (owner := await self.ids.owner(scope_of(decision), named_ids)):
            self._chooser.is_of(request, owner)
        credential = await self._chooser.choose(request, decision)
        if credential is None:
            raise self._chooser.exhausted(decision, self._chooser.scope(request, decision))
        if credential.wants_refresh(time.time()) and credential.key not in refreshed:
            return replace(decision, refresh=credential)
        return self._chooser.paid_with(decision, credential)

    def release(self, request: RelayRequest) -> None:
        """The request has ended, whichever way."""
        self._chooser.release(request)
        self._files.release(request)

    def ended(self, exchange: Exchange) -> None:
        """An exchange has its outcome: learn the ids that its response gave."""
        if exchange.gives_for:
            self.ids.learn(*exchange.gives_for, exchange.sniffer.ends)

    async def stop(self) -> None:
        """Tell other processes what is left to tell."""
        await self.affinity.stop()
        await self.ids.stop()
        await self._redis.close()

    async def send(self, request: RelayRequest, exchange: Exchange, decision: Decision) -> httpx.Response:
        """The API's response; raises httpx.TransportError, or Refused where each credential of the pool is limited."""
        sent_at = time.time()
        outcome = await self._ask(request, decision)
        credential = decision.credential
        if credential is not None:
            if not (isinstance(outcome, httpx.TransportError) or outcome.status_code in REFUSALS):
                self._lessons.answered(request, exchange, decision, credential, outcome, sent_at)
            elif request.upload:
                self._refused_once(decision, credential, outcome, sent_at)
            else:
                retries = Retries(self._ask, self._chooser, self.tokens, self._lessons, request, exchange)
                outcome = await retries.go_on((decision, credential), outcome, sent_at)
        return response_of(outcome)

    def _refused_once(
        self, decision: Decision, credential: AccessCredential, outcome: Outcome, sent_at: float
    ) -> None:
        """Note why: the body is gone, so there is no second attempt, but the next request finds a new token."""
        why = refusal_of(outcome)
        if why:
            self._lessons.refused(credential, outcome, why)
        if why == REFUSED and credential.is_oauth:
            spawn(self._renew(credential), "token-renewal")
        elif decision.pool and why not in ("", REFUSED):
            self._lessons.failed(credential, outcome, why, sent_at)

    async def _renew(self, credential: AccessCredential) -> None:
        await self.tokens.renewed(credential)

    async def _ask(self, request: RelayRequest, decision: Decision) -> Outcome:
        """Send it once."""
        upstream_request = build_request(
            settings.CLAUDE_API_BASE_URL,
            request.method or "GET",
            request.target,
            upstream_headers(
                request.pairs, decision.headers, _OAUTH_BETA if decision.adds_oauth_beta else b""
            ),
            request.upload or request.content,
        )
        try:
            return await self._upstream.handle_async_request(upstream_request)
        except httpx.TransportError as error:
            return error

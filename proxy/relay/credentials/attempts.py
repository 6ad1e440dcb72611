"""Send a request upstream, and again where its credential was refused before a byte of an answer reached the client.

A refused OAuth token is refreshed and the request sent once more. Of a pool each credential is asked once; the others cool down.
"""

import math
import time
from dataclasses import replace

import httpx
from django.conf import settings

from accounts.access.decision import OAUTH_BETA, AccessCredential, Decision
from accounts.access.paths import Reach, reach_of
from accounts.snapshot.watcher import Watcher
from proxy import record
from proxy.record import Payment
from proxy.relay.background import spawn
from proxy.relay.capture.exchange import Exchange
from proxy.relay.credentials.account_files import AccountFiles
from proxy.relay.credentials.affinity import Affinity, affinity_key_of
from proxy.relay.credentials.choosing import Chooser
from proxy.relay.credentials.ids import Ids, scope_of
from proxy.relay.credentials.outcome import (
    LIMITED,
    REFUSALS,
    REFUSED,
    UNREACHABLE,
    Outcome,
    asked_again,
    close,
    discard,
    refusal_of,
    response_of,
)
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.refresh import Refresher
from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.relay.credentials.updates import HealthUpdates
from proxy.relay.http.headers import upstream_headers
from proxy.relay.http.request import RelayRequest
from proxy.relay.upstream.transport import UpstreamTransport, build_request
from proxy.wire.ids import file_of, named

# A token that is refused so soon after a refresh is not the reason: some requests are not open to OAuth at all.
RENEWED_SECONDS = 30.0
_OAUTH_BETA = OAUTH_BETA.encode()


class Sender:
    """The way upstream with everything that a second attempt needs."""

    def __init__(self, upstream: UpstreamTransport, watcher: Watcher, refresher: Refresher) -> None:
        self.updates = HealthUpdates()
        self.pool = Pool(self.updates)
        self._redis = SharedRedis()
        self.affinity = Affinity(self.updates, self.pool, self._redis)
        self.ids = Ids(self._redis)
        self.chooser = Chooser(self.pool, self.affinity)
        self._files = AccountFiles(self.affinity, self.ids)
        self._upstream = upstream
        self._watcher = watcher
        self._refresher = refresher
        self._renewed_at: dict[str, float] = {}

    async def settle(self, request: RelayRequest, decision: Decision, refreshed: frozenset[str]) -> Decision:
        """A decision that was left to the pool; `refresh` is set where the chosen token is due. Raises Refused."""
        # Files, batches and whatever else is kept lie in the account that made them: another one does not find them.
        if not _is_shared(request):
            return await self._files.settle(request, decision, refreshed)
        named_ids = named(request.content)
        if named_ids and (owner := await self.ids.owner(scope_of(decision), named_ids)):
            self.chooser.is_of(request, owner)
        credential = await self.chooser.choose(request, decision)
        if credential is None:
            raise self.chooser.exhausted(decision, self.chooser.scope(request, decision))
        if credential.wants_refresh(time.time()) and credential.key not in refreshed:
            return replace(decision, refresh=credential)
        return self.chooser.paid_with(decision, credential)

    def release(self, request: RelayRequest) -> None:
        """The request has ended, whichever way."""
        self.chooser.release(request)
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
        """The API's answer; raises httpx.TransportError, or Refused where each credential of the pool is limited."""
        sent_at = time.time()
        outcome = await self.ask(request, decision)
        credential = decision.credential
        if credential is not None:
            if not (isinstance(outcome, httpx.TransportError) or outcome.status_code in REFUSALS):
                self.answered(request, exchange, decision, credential, outcome, sent_at)
            elif request.upload:
                self._refused_once(decision, credential, outcome, sent_at)
            else:
                outcome = await _Attempts(self, request, exchange, decision, credential).go_on(
                    outcome, sent_at
                )
        return response_of(outcome)

    def _refused_once(
        self, decision: Decision, credential: AccessCredential, outcome: Outcome, sent_at: float
    ) -> None:
        """Note why: the body is gone, so there is no second attempt, but the next request finds a new token."""
        why = refusal_of(outcome)
        if why:
            self.note_refusal(credential, outcome, why)
        if why == REFUSED and credential.is_oauth:
            spawn(self._renew(credential), "token-renewal")
        elif decision.pool and why not in ("", REFUSED):
            self.pool.failed(credential, why, asked_again(outcome, why), sent_at)

    async def _renew(self, credential: AccessCredential) -> None:
        await self.renewed(credential)

    def note_refusal(self, credential: AccessCredential, outcome: Outcome, why: str) -> None:
        """Note what a credential was refused for."""
        if isinstance(outcome, httpx.Response):
            self.updates.answered(credential.key, outcome.headers)
        self.updates.failed(credential.key, UNREACHABLE if why == UNREACHABLE else f"the API answered {why}")

    async def ask(self, request: RelayRequest, decision: Decision) -> Outcome:
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

    def answered(
        self,
        request: RelayRequest,
        exchange: Exchange,
        decision: Decision,
        credential: AccessCredential,
        response: httpx.Response,
        sent_at: float,
    ) -> None:
        """Note a response that is not about the credential."""
        self.updates.answered(credential.key, response.headers)
        if decision.pool:
            self.pool.answered(credential, response.status_code, response.headers, sent_at)
        about_files = self._files.concerns(request)
        if response.status_code < 400 and (decision.pool or about_files):
            exchange.gives_for = scope_of(decision), credential.key
            if request.method == "DELETE":
                exchange.gives_for = None
                self.ids.forget(scope_of(decision), file_of(request.target))
        # Where the others are gone the last one is no pool any more, and sessions move to it.
        if decision.pool or (self.affinity.concerns(decision.domain) and _is_shared(request)):
            self.updates.learn_organisation(credential.key, response.headers)
            affinity_key = affinity_key_of(request, decision)
            exchange.left_organisation = self.affinity.answered(
                affinity_key, credential, decision.pool, response.status_code, time.time()
            )

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


class _Attempts:
    """One request whose credential was refused: what was tried so far, and what to do next."""

    def __init__(
        self,
        sender: Sender,
        request: RelayRequest,
        exchange: Exchange,
        decision: Decision,
        credential: AccessCredential,
    ) -> None:
        self._sender = sender
        self._request = request
        self._exchange = exchange
        self._decision = decision
        self._credential = credential
        self._tried: frozenset[str] = frozenset()
        self._renewed: set[str] = set()
        self._suspects: list[tuple[AccessCredential, float]] = []
        self._vouched = False

    async def go_on(self, outcome: Outcome, sent_at: float) -> Outcome:
        """The outcome of the last attempt, which is the client's."""
        while True:
            try:
                following = await self._after(outcome, sent_at)
            except BaseException:
                close(outcome)
                raise
            if following is None:
                return outcome
            await discard(outcome)
            self._decision, self._credential = following
            sent_at = time.time()
            outcome = await self._sender.ask(self._request, self._decision)

    async def _after(self, outcome: Outcome, sent_at: float) -> tuple[Decision, AccessCredential] | None:
        """The next attempt, None where this outcome is to be the client's."""
        sender, credential, why = self._sender, self._credential, refusal_of(outcome)
        self._vouched = self._vouched or (isinstance(outcome, httpx.Response) and why != REFUSED)
        if not why:
            self._convict()
            if isinstance(outcome, httpx.Response):
                sender.answered(self._request, self._exchange, self._decision, credential, outcome, sent_at)
            return None
        sender.note_refusal(credential, outcome, why)
        if why == REFUSED and credential.is_oauth:
            fresh = None if credential.key in self._renewed else await sender.renewed(credential)
            if credential.key in self._renewed or (fresh and fresh.secret == credential.secret):
                return None  # a new token is refused as well: it is the request
            self._renewed.add(credential.key)
            if fresh:
                return self._decision.paid_with(fresh), fresh
        if not self._decision.pool:
            return None
        if isinstance(outcome, httpx.Response):
            sender.updates.learn_organisation(credential.key, outcome.headers)
        if why == REFUSED:
            self._suspects.append((credential, sent_at))
        else:
            sender.pool.failed(credential, why, asked_again(outcome, why), sent_at)
        self._convict()
        self._tried |= {credential.key}
        return await self._next()

    def _convict(self) -> None:
        """A refused credential cools down only if the API took another for this request: else it may be the request."""
        while self._vouched and self._suspects:
            credential, sent_at = self._suspects.pop()
            self._sender.pool.failed(credential, REFUSED, None, sent_at)

    async def _next(self) -> tuple[Decision, AccessCredential] | None:
        """Another credential of the pool. Raises Refused where none is ready and some are at their limit."""
        sender, chooser = self._sender, self._sender.chooser
        while credential := await chooser.choose(self._request, self._decision, self._tried):
            if credential.wants_refresh(time.time()):
                fresh = await sender.refreshed(credential)
                if fresh is None:
                    self._tried |= {credential.key}
                    continue
                credential = fresh
            decision = chooser.paid_with(self._decision, credential, self._tried)
            self._exchange.payment = Payment(decision.paid_by, credential.account, decision.passed_over)
            return decision, credential
        scope = chooser.scope(self._request, self._decision, self._tried)
        if any(breaker.reason == LIMITED for breaker in sender.pool.cooling(scope, time.time())):
            refusal = chooser.exhausted(self._decision, scope)
            self._exchange.status = refusal.kind.status
            self._exchange.finish(record.UPSTREAM_ERROR, refusal.kind.type, refusal.message)
            raise refusal
        return None


def _is_shared(request: RelayRequest) -> bool:
    return reach_of(request.method or "", request.target) is Reach.SHARED

"""Again where a credential was refused before a byte of a response reached the client.

A refused OAuth token is refreshed and the request sent once more. Of a pool each credential is asked once; the others cool down.
"""

import time
from collections.abc import Awaitable, Callable

import httpx

from accounts.access.decision import AccessCredential, Decision
from proxy import record
from proxy.record import Payment
from proxy.relay.capture.exchange import Exchange
from proxy.relay.credentials.choosing import Chooser
from proxy.relay.credentials.lessons import Lessons
from proxy.relay.credentials.outcome import REFUSED, Outcome, close, discard, refusal_of
from proxy.relay.credentials.tokens import Tokens
from proxy.relay.http.request import RelayRequest

Ask = Callable[[RelayRequest, Decision], Awaitable[Outcome]]
Attempt = tuple[Decision, AccessCredential]


class Retries:
    """One request whose credential was refused: what was tried so far, and what to do next."""

    def __init__(
        self,
        ask: Ask,
        chooser: Chooser,
        tokens: Tokens,
        lessons: Lessons,
        request: RelayRequest,
        exchange: Exchange,
    ) -> None:
        self._ask = ask
        self._chooser = chooser
        self._tokens = tokens
        self._lessons = lessons
        self._request = request
        self._exchange = exchange
        self._tried: frozenset[str] = frozenset()
        self._renewed: set[str] = set()
        self._suspects: list[tuple[AccessCredential, float]] = []
        self._vouched = False

    async def go_on(self, attempt: Attempt, outcome: Outcome, sent_at: float) -> Outcome:
        """The outcome of the last attempt, which is the client's; `outcome` is that of `attempt`."""
        while True:
            try:
                following = await self._after(attempt, outcome, sent_at)
            except BaseException:
                close(outcome)
                raise
            if following is None:
                return outcome
            await discard(outcome)
            attempt = following
            sent_at = time.time()
            outcome = await self._ask(self._request, attempt[0])

    async def _after(self, attempt: Attempt, outcome: Outcome, sent_at: float) -> Attempt | None:
        """The next attempt, None where this outcome is to be the client's."""
        (decision, credential), why = attempt, refusal_of(outcome)
        self._vouched = self._vouched or (isinstance(outcome, httpx.Response) and why != REFUSED)
        if not why:
            self._convict()
            if isinstance(outcome, httpx.Response):
                self._lessons.answered(self._request, self._exchange, decision, credential, outcome, sent_at)
            return None
        self._lessons.refused(credential, outcome, why)
        if why == REFUSED and credential.is_oauth:
            fresh = None if credential.key in self._renewed else await self._tokens.renewed(credential)
            if credential.key in self._renewed or (fresh and fresh.secret == credential.secret):
                return None  # a new token is refused as well: it is the request
            self._renewed.add(credential.key)
            if fresh:
                return decision.paid_with(fresh), fresh
        if not decision.pool:
            return None
        self._lessons.learn_organisation(credential, outcome)
        if why == REFUSED:
            self._suspects.append((credential, sent_at))
        else:
            self._lessons.failed(credential, outcome, why, sent_at)
        self._convict()
        self._tried |= {credential.key}
        return await self._next(decision)

    def _convict(self) -> None:
        """A refused credential cools down only if the API took another for this request: else it may be the request."""
        while self._vouched and self._suspects:
            credential, sent_at = self._suspects.pop()
            self._lessons.failed(credential, None, REFUSED, sent_at)

    async def _next(self, decision: Decision) -> Attempt | None:
        """Another credential of the pool. Raises Refused where none is ready and some are at their limit."""
        while credential := await self._chooser.choose(self._request, decision, self._tried):
            if credential.wants_refresh(time.time()):
                fresh = await self._tokens.refreshed(credential)
                if fresh is None:
                    self._tried |= {credential.key}
                    continue
                credential = fresh
            chosen = self._chooser.paid_with(decision, credential, self._tried)
            self._exchange.payment = Payment(chosen.paid_by, credential.account, chosen.passed_over)
            return chosen, credential
        if refusal := self._chooser.limited(self._request, decision, self._tried):
            self._exchange.status = refusal.kind.status
            self._exchange.finish(record.UPSTREAM_ERROR, refusal.kind.type, refusal.message)
            raise refusal
        return None

"""Send a request upstream, and again where its credential was refused before a byte of an answer reached the client.

A refused OAuth token is refreshed and the request sent once more. Of a pool each credential is asked once; the others cool down.
"""

import asyncio
import logging
import math
import time
from dataclasses import replace
from uuid import uuid4

import httpx
from django.conf import settings

from accounts.access import Decision, Payer
from accounts.credential_health import claim_probe, release_probe
from accounts.oauth import OAUTH_BETA
from accounts.paths import Reach, reach_of
from accounts.watcher import Watcher
from proxy import record
from proxy.record import Payment
from proxy.relay.background import spawn
from proxy.relay.exchange import Exchange
from proxy.relay.headers import upstream_headers
from proxy.relay.notes import Notes
from proxy.relay.outcome import (
    LIMITED,
    REFUSALS,
    REFUSED,
    UNREACHABLE,
    Outcome,
    answer_of,
    asked_again,
    close,
    discard,
    refusal_of,
)
from proxy.relay.pool import Place, Pool
from proxy.relay.refresh import Refresher
from proxy.relay.refusal import Refused, retry_after, whole_seconds
from proxy.relay.request import RelayRequest
from proxy.relay.standing import PROBE_SECONDS, Standing
from proxy.relay.upstream import UpstreamTransport, build_request
from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.pool")

# A token that is refused so soon after a refresh is not the reason: some requests are not open to OAuth at all.
RENEWED_SECONDS = 30.0
SESSION = b"x-claude-code-session-id"
MAX_SESSION = 128
_OAUTH_BETA = OAUTH_BETA.encode()


class Sender:
    """The way upstream with everything that a second attempt needs."""

    def __init__(self, upstream: UpstreamTransport, watcher: Watcher, refresher: Refresher) -> None:
        self.notes = Notes()
        self.pool = Pool(self.notes)
        self._upstream = upstream
        self._watcher = watcher
        self._refresher = refresher
        self._renewed_at: dict[str, float] = {}
        self._process = uuid4().hex
        # What each request probes: credentials by the end of their cool-down.
        self._probes: dict[RelayRequest, dict[Payer, float]] = {}

    async def settle(self, request: RelayRequest, decision: Decision, refreshed: frozenset[str]) -> Decision:
        """A decision that was left to the pool; `refresh` is set where the chosen token is due. Raises Refused."""
        # Files, batches and whatever else is kept lie in the account that made them: another one does not find them.
        if reach_of(request.method or "", request.target) is not Reach.SHARED:
            return replace(decision, pool=())
        payer = await self.choose(request, decision)
        if payer is None:
            raise self.exhausted(decision)
        if payer.wants_refresh(time.time()) and payer.key not in refreshed:
            return replace(decision, refresh=payer)
        return self.paid_with(decision, payer)

    async def choose(
        self, request: RelayRequest, decision: Decision, tried: frozenset[str] = frozenset()
    ) -> Payer | None:
        """The credential to ask, once the outcome of a probe is known where others have none to offer; None when none is ready."""
        able = [payer for payer in decision.pool if payer.key not in tried]
        place, now = _place(request, decision), time.time()
        while True:
            chosen = self.pool.choose(place, able, now)
            if chosen is None:
                probe = self.pool.probed(able, now)
                if probe is None:
                    return None
                await probe.outcome(now)
            elif (half_open := self.pool.half_open(chosen)) is None or await self._claimed(
                request, chosen, half_open, now
            ):
                return chosen
            now = time.time()

    async def _claimed(self, request: RelayRequest, payer: Payer, standing: Standing, now: float) -> bool:
        """Whether this request probes it; where another process does, it is looked again in a moment."""
        until, claimed = standing.until, True
        standing.ask(now)  # this process's other requests wait meanwhile
        try:
            claimed = not settings.REDIS_URL or await asyncio.to_thread(
                claim_probe, payer.key, until, self._process, PROBE_SECONDS
            )
        finally:
            if claimed:
                self._probes.setdefault(request, {})[payer] = until
                standing.neither()
            else:
                standing.probed_elsewhere(time.time())
        return claimed and not standing.is_cooling(time.time())  # others may have told of it meanwhile

    def release(self, request: RelayRequest) -> None:
        """It was answered, or never will be: where that said nothing of what it probed, the next request of any process probes.

        What it did say is told to all (health.py), and the claim is over with the cool-down that it is named after.
        """
        for payer, until in self._probes.pop(request, {}).items():
            standing = self.pool.half_open(payer)
            if standing and standing.until == until:
                standing.neither()
                if settings.REDIS_URL:
                    telling = asyncio.to_thread(release_probe, payer.key, until, self._process)
                    spawn(telling, "probe-release")

    def paid_with(self, decision: Decision, payer: Payer, tried: frozenset[str] = frozenset()) -> Decision:
        """The decision with this credential, which is going to be asked; the others that cool down or failed are named."""
        now = time.time()
        self.pool.ask(payer, now)
        return decision.paid_with(payer, self.pool.passed_over(decision.pool, tried, now))

    def exhausted(self, decision: Decision) -> Refused:
        """No credential of the pool is ready: the answer names the earliest end of their cool-downs."""
        now = time.time()
        cooling = self.pool.cooling(decision.pool, now)
        seconds = whole_seconds(cooling[0].until - now if cooling else 0)
        reasons = ", ".join(sorted({standing.reason for standing in cooling}))
        message = (
            f"All credentials that Nexus has for {decision.domain} cool down ({reasons}). "
            f"Try again in {seconds} s, or ask the operator to add a credential or to end a cool-down."
        )
        names = (*decision.passed_over, *self.pool.passed_over(decision.pool, frozenset(), now))
        passed_over = tuple(dict.fromkeys(names))
        return Refused(ErrorKind.RATE_LIMIT, message, decision.domain, [retry_after(seconds)], passed_over)

    async def send(self, request: RelayRequest, exchange: Exchange, decision: Decision) -> httpx.Response:
        """The API's answer; raises httpx.TransportError, or Refused where each credential of the pool is limited."""
        sent_at = time.time()
        outcome = await self.ask(request, decision)
        payer = decision.payer
        if payer is not None:
            if not (isinstance(outcome, httpx.TransportError) or outcome.status_code in REFUSALS):
                self.answered(decision, payer, outcome, sent_at)
            elif request.upload:
                self._refused_once(decision, payer, outcome, sent_at)
            else:
                outcome = await _Attempts(self, request, exchange, decision, payer).go_on(outcome, sent_at)
        return answer_of(outcome)

    def _refused_once(self, decision: Decision, payer: Payer, outcome: Outcome, sent_at: float) -> None:
        """Note why: the body is gone, so there is no second attempt, but the next request finds a new token."""
        why = refusal_of(outcome)
        if why:
            self.note_refusal(payer, outcome, why)
        if why == REFUSED and payer.is_oauth:
            spawn(self._renew(payer), "token-renewal")
        elif decision.pool and why not in ("", REFUSED):
            self.pool.failed(payer, why, asked_again(outcome, why), sent_at)

    async def _renew(self, payer: Payer) -> None:
        await self.renewed(payer)

    def note_refusal(self, payer: Payer, outcome: Outcome, why: str) -> None:
        """Note what a credential was refused for."""
        if isinstance(outcome, httpx.Response):
            self.notes.answered(payer.key, outcome.headers)
        self.notes.failed(payer.key, UNREACHABLE if why == UNREACHABLE else f"the API answered {why}")

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

    def answered(self, decision: Decision, payer: Payer, answer: httpx.Response, sent_at: float) -> None:
        """Note an answer that is not about the credential."""
        self.notes.answered(payer.key, answer.headers)
        if decision.pool:
            self.pool.answered(payer, answer.status_code, answer.headers, sent_at)

    def current(self, payer: Payer) -> Payer | None:
        """The credential as it is now, None where it is gone or cannot pay."""
        snapshot = self._watcher.current
        found = snapshot.payer(payer.key) if snapshot else None
        return found if found and found.usable(time.time()) else None

    async def refreshed(self, payer: Payer) -> Payer | None:
        """The credential after the refresh that was due."""
        await self._refresher.refresh(payer)
        return self.current(payer)

    async def renewed(self, payer: Payer) -> Payer | None:
        """The credential with another token than this one, which the API refused; None where there is none.

        Unchanged where it was renewed so lately that the token cannot be the reason.
        """
        found = self.current(payer)
        recent = time.monotonic() < self._renewed_at.get(payer.key, -math.inf) + RENEWED_SECONDS
        if recent or not payer.refreshable:
            return found if recent or (found and found.secret != payer.secret) else None
        if found is None or found.secret == payer.secret:
            await self._refresher.refresh(payer, rejected=True)
            found = self.current(payer)
            if found and found.secret != payer.secret:
                self._renewed_at[payer.key] = time.monotonic()
        return found if found and found.secret != payer.secret else None


class _Attempts:
    """One request whose credential was refused: what was tried so far, and what to do next."""

    def __init__(
        self, sender: Sender, request: RelayRequest, exchange: Exchange, decision: Decision, payer: Payer
    ) -> None:
        self._sender = sender
        self._request = request
        self._exchange = exchange
        self._decision = decision
        self._payer = payer
        self._tried: frozenset[str] = frozenset()
        self._renewed: set[str] = set()
        self._suspects: list[tuple[Payer, float]] = []
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
            self._decision, self._payer = following
            sent_at = time.time()
            outcome = await self._sender.ask(self._request, self._decision)

    async def _after(self, outcome: Outcome, sent_at: float) -> tuple[Decision, Payer] | None:
        """The next attempt, None where this outcome is to be the client's."""
        sender, payer, why = self._sender, self._payer, refusal_of(outcome)
        self._vouched = self._vouched or (isinstance(outcome, httpx.Response) and why != REFUSED)
        if not why:
            self._convict()
            if isinstance(outcome, httpx.Response):
                sender.answered(self._decision, payer, outcome, sent_at)
            return None
        sender.note_refusal(payer, outcome, why)
        if why == REFUSED and payer.is_oauth:
            fresh = None if payer.key in self._renewed else await sender.renewed(payer)
            if payer.key in self._renewed or (fresh and fresh.secret == payer.secret):
                return None  # a new token is refused as well: it is the request
            self._renewed.add(payer.key)
            if fresh:
                return self._decision.paid_with(fresh), fresh
        if not self._decision.pool:
            return None
        if why == REFUSED:
            self._suspects.append((payer, sent_at))
        else:
            sender.pool.failed(payer, why, asked_again(outcome, why), sent_at)
        self._convict()
        self._tried |= {payer.key}
        return await self._next()

    def _convict(self) -> None:
        """A refused credential cools down only if the API took another for this request: else it may be the request."""
        while self._vouched and self._suspects:
            payer, sent_at = self._suspects.pop()
            self._sender.pool.failed(payer, REFUSED, None, sent_at)

    async def _next(self) -> tuple[Decision, Payer] | None:
        """Another credential of the pool. Raises Refused where none is ready and some are at their limit."""
        sender = self._sender
        while payer := await sender.choose(self._request, self._decision, self._tried):
            if payer.wants_refresh(time.time()):
                fresh = await sender.refreshed(payer)
                if fresh is None:
                    self._tried |= {payer.key}
                    continue
                payer = fresh
            decision = sender.paid_with(self._decision, payer, self._tried)
            self._exchange.payment = Payment(decision.paid_by, payer.account, decision.passed_over)
            return decision, payer
        if any(one.reason == LIMITED for one in sender.pool.cooling(self._decision.pool, time.time())):
            refusal = sender.exhausted(self._decision)
            self._exchange.status = refusal.kind.status
            self._exchange.finish(record.UPSTREAM_ERROR, refusal.kind.type, refusal.message)
            raise refusal
        return None


def _place(request: RelayRequest, decision: Decision) -> Place:
    session = request.first(SESSION)[:MAX_SESSION].decode("latin-1")
    return decision.domain, session or (decision.client_key and f"key {decision.client_key}")

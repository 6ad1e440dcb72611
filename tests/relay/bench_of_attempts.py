"""A sender with the credentials of one domain, the real transport, and an emulated API that answers by credential."""

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx

from accounts.access.decision import AccessCredential, Claim, Decision, DomainAccess, Snapshot, decide
from accounts.access.hosts import parse_host
from accounts.access.inbound import read_credentials
from accounts.snapshot.watcher import Watcher
from nexus_project.demo.emulator import Emulator
from proxy.relay.capture.exchange import Exchange
from proxy.relay.credentials.attempts import Sender
from proxy.relay.credentials.refresh import Refresher
from proxy.relay.http.protocol import TARGET
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.request_body import Source
from proxy.relay.upstream.response_body import ResponseBody
from proxy.relay.upstream.transport import UpstreamTransport
from tests.relay.limited import no_body

ONE, TWO, THREE = (
    AccessCredential("database", str(number), "api_key", f"sk-ant-api03-{number}", f"acc_{number}")
    for number in (1, 2, 3)
)
DOMAIN = "a.example"


class Bench:
    """A sender with its domain's credentials, and what a test asks of it."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.watcher = Watcher()
        self.transport = UpstreamTransport(5, 5)
        self.sender = Sender(self.transport, self.watcher, Refresher(self.watcher))
        self.exchange = Exchange(None, lambda _: None)
        self.responses: list[ResponseBody] = []

    def hold(self, *credentials: AccessCredential) -> None:
        """The domain's credentials of the database."""
        self.watcher._stored = Snapshot({DOMAIN: DomainAccess(DOMAIN, credentials)})
        self.watcher.current = None
        self.watcher.refresh_now()

    def hold_token(
        self, token: str = "sk-ant-oat01-old", *, expires_at: float = 4e12, refresh: str | None = None
    ) -> None:
        """An OAuth credential in the domain's file, which comes after the database."""
        tokens = {
            "accessToken": token,
            "refreshToken": f"sk-ant-ort01-{uuid4().hex}" if refresh is None else refresh,
            "expiresAt": expires_at,
        }
        content = {"type": "oauth", "accountId": "acc_file", "oauth": tokens}
        (self.folder / f"{DOMAIN}.credentials.json").write_text(json.dumps(content))
        self.watcher.refresh_now()

    @property
    def credentials(self) -> tuple[AccessCredential, ...]:
        """The domain's credentials as the proxy knows them."""
        return cast(Snapshot, self.watcher.current).domains[DOMAIN].credentials

    async def decide(self, request: RelayRequest) -> Decision:
        """As the view does."""
        tried: frozenset[str] = frozenset()
        while True:
            claim = Claim(
                parse_host(DOMAIN), read_credentials([]), target=request.target, method=request.method or ""
            )
            decision = decide(cast(Snapshot, self.watcher.current), claim, time.time(), tried)
            if decision.pool:
                decision = await self.sender.settle(request, decision, tried)
            if decision.refresh is None:
                return decision
            await self.sender.tokens._refresher.refresh(decision.refresh)
            tried |= {decision.refresh.key}

    def request(
        self, session: str = "", target: str = "/v1/models", method: str = "GET", body: bytes = b""
    ) -> RelayRequest:
        headers = [(b"host", DOMAIN.encode()), (b"anthropic-version", b"2023-06-01")]
        # Redis is one for the whole suite: the sessions of this test and of its processes are no other test's.
        scene = sha256(str(self.folder).encode()).hexdigest()[:16]
        headers += [(b"x-claude-code-session-id", f"{session} of {scene}".encode())] if session else []
        scope = {
            "type": "http", "method": method, "path": target, "query_string": b"", "headers": headers,
            "extensions": {TARGET: target.encode()},
        }  # fmt: skip
        request = RelayRequest(scope, no_body)
        request.content = body
        return request

    async def ask(self, *, upload: Source | None = None, **asked: Any) -> httpx.Response:
        request = self.request(**asked)
        request.upload = upload
        self.exchange = Exchange(None, self.sender.ended)
        try:
            response = await self.sender.send(request, self.exchange, await self.decide(request))
        finally:
            self.sender.release(request)
        self.responses.append(cast(ResponseBody, response.stream))
        return response

    async def read(self, *, upload: Source | None = None, **asked: Any) -> tuple[int, bytes]:
        """Status and body of the answer that the client gets, when its exchange has ended."""
        response = await self.ask(upload=upload, **asked)
        body = b"".join([fragment async for fragment in cast(ResponseBody, response.stream)])
        self.exchange.feed(body)
        self.exchange.finish("complete")
        return response.status_code, body

    @property
    def asked(self) -> list[str | None]:
        """The credentials that upstream saw, in order."""
        return [entry.credential for entry in self.emulator.log if entry.path != "/v1/oauth/token"]

    def cooling(self) -> list[str]:
        breakers = self.sender.pool._breakers
        return sorted(
            f"{key} {breaker.reason}" for key, breaker in breakers.items() if breaker.is_cooling(time.time())
        )

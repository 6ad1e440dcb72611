"""Send requests through the proxy with the real SDK, one client per domain, and count them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import httpx2
from anthropic import Anthropic, DefaultHttpxClient, Omit, omit
from anthropic.types import Message
from anthropic.types.beta import BetaMessage

Json = dict[str, Any]
AnyMessage = Message | BetaMessage
Headers = Mapping[str, str | Omit]

FIRST_VERSION = "2023-06-01"
DOMAINS = ("api.acme.test", "web.acme.test", "research.example", "personal-notes.example")


@dataclass
class Sender:
    """The way to the proxy; `key` is what clients present. No error is retried, so each is seen once."""

    proxy: str
    key: str
    statuses: Counter[int] = field(default_factory=Counter)
    domains: set[str] = field(default_factory=set)
    _clients: dict[str, Anthropic] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def client(self, domain: str) -> Anthropic:
        """Return the SDK client that speaks for a domain."""
        with self._lock:
            if domain not in self._clients:
                self._clients[domain] = Anthropic(
                    api_key=self.key,
                    base_url=self.proxy,
                    max_retries=0,
                    default_headers={"Host": domain},
                    http_client=DefaultHttpxClient(
                        event_hooks={"request": [self._through_proxy], "response": [self._counted]},
                        trust_env=False,
                    ),
                )
            self.domains.add(domain)
            return self._clients[domain]

    def older_client(self) -> dict[str, str | Omit]:
        """Return the headers in which a client of the API's first version differs from this SDK."""
        return {"anthropic-version": FIRST_VERSION, "x-api-key": self.key, "authorization": omit}

    def ask(
        self,
        domain: str,
        request: Json,
        *,
        stream: bool = True,
        emulate: str = "",
        headers: Headers | None = None,
        query: Mapping[str, object] | None = None,
        betas: Sequence[str] = (),
    ) -> AnyMessage:
        """Send one message request and return the whole answer; with `betas` as the API's beta.

        Raises:
            anthropic.APIError: the proxy or its upstream refused, or the connection failed.
        """
        extra = {**(headers or {}), **({"x-emulate": emulate} if emulate else {})}
        client = self.client(domain)
        messages: Any = client.messages
        if betas:
            messages, request = client.beta.messages, {**request, "betas": list(betas)}
        if not stream:
            response: AnyMessage = messages.create(**request, extra_headers=extra, extra_query=query)
            return response
        with messages.stream(**request, extra_headers=extra, extra_query=query) as events:
            final: AnyMessage = events.get_final_message()
            return final

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _through_proxy(self, request: httpx2.Request) -> None:
        """Ask the proxy for what an answer names by its address at the API: `results_url` leads past it."""
        proxy = httpx2.URL(self.proxy)
        request.url = request.url.copy_with(scheme=proxy.scheme, host=proxy.host, port=proxy.port)

    def _counted(self, response: httpx2.Response) -> None:
        with self._lock:
            self.statuses[response.status_code] += 1


def content_of(message: AnyMessage) -> list[Json]:
    """Return a message's blocks as they came, to be sent back in the next turn."""
    return [block.to_dict(mode="json", exclude_none=True) for block in message.content]

"""What there is to tell of credentials since the last time, for accounts/credentials/health.py."""

import time
from collections.abc import Mapping

import msgspec
from httpx import Headers

from accounts.credentials.health import Changes
from proxy.wire.rate_limits import Gauges, gauges

ORGANISATION = b"anthropic-organization-id"
MAX_ORGANISATION = 120
MAX_UNREAD = 64  # responses of a credential


class HealthUpdates:
    """Taken on the hot path, so an answer costs one entry in a dict: the last one of each credential is read when it is shared."""

    def __init__(self) -> None:
        self.gauges: dict[str, Gauges] = {}
        self.organisations: dict[str, str] = {}
        self._responses: dict[str, tuple[float, Headers]] = {}
        # By credential: the headers of a pool's responses that nobody has read yet, in their order.
        self._unread: dict[str, list[Headers]] = {}
        self._changes: dict[str, dict[str, str | float | None]] = {}

    def answered(self, key: str, headers: Headers) -> None:
        """The API answered a request that this credential paid for."""
        self._responses[key] = (time.time(), headers)

    def failed(self, key: str, why: str) -> None:
        """The API refused it, or could not be reached with it."""
        self._change(key, {"error": why, "error_at": time.time()})

    def cooling(self, key: str, until: float, reason: str) -> None:
        self._change(key, {"cooling_until": until, "cooling_reason": reason})

    def recovered(self, key: str) -> None:
        self._change(key, {"cooling_until": None, "cooling_reason": None})

    def concerns(self, key: str) -> bool:
        """Whether there is news of its cool-down that nobody was notified of yet."""
        return "cooling_until" in self._changes.get(key, {})

    def learn(self, key: str, headers: Headers) -> None:
        """A response's gauges count from the next choice on: most requests have a session, and ask for none."""
        unread = self._unread.setdefault(key, [])
        unread.append(headers)
        if len(unread) >= MAX_UNREAD:
            self._read(key)

    def gauges_of(self, key: str) -> Gauges:
        """All windows that the credential's responses named so far."""
        self._read(key)
        return self.gauges.get(key, {})

    def learn_organisation(self, key: str, headers: Headers) -> None:
        """Read whose account it is; a response that does not say changes nothing."""
        raw = headers.raw
        if (ORGANISATION, self.organisations.get(key, "").encode("latin-1")) in raw:
            return  # as ever
        value = next((value for name, value in raw if name.lower() == ORGANISATION), b"")
        organisation = value[:MAX_ORGANISATION].decode("latin-1")
        if organisation and self.organisations.get(key) != organisation:
            self.organisations[key] = organisation
            self._change(key, {"organisation": organisation})

    def organisation(self, key: str) -> str:
        """The organisation of a credential; while it is not known each one counts as its own."""
        return self.organisations.get(key) or key

    def take(self) -> dict[str, Changes]:
        """All that changed, by credential."""
        responses, self._responses = self._responses, {}
        for key, (used_at, headers) in responses.items():
            self._change(key, {"used_at": used_at})
            self.learn(key, headers)
            if self._read(key):
                self._change(key, {"gauges": msgspec.json.encode(self.gauges[key]).decode()})
        changes, self._changes = self._changes, {}
        return dict(changes)

    def give_back(self, changes: Mapping[str, Changes]) -> None:
        """They could not be shared: what was noted since counts before them."""
        for key, fields in changes.items():
            self._changes[key] = {**fields, **self._changes.get(key, {})}

    def _read(self, key: str) -> bool:
        """Read the gauges of what is unread; those of windows that it does not name stay. False where it names none."""
        # Of each name the last.
        last = {name: value for headers in self._unread.pop(key, ()) for name, value in headers.raw}
        reported = gauges(last.items())
        if reported:
            self.gauges[key] = {**self.gauges.get(key, {}), **reported}
        return bool(reported)

    def _change(self, key: str, fields: Changes) -> None:
        self._changes.setdefault(key, {}).update(fields)

"""Who pays for a request, and whether its client may make it: a pure decision over a snapshot in memory.

Order: the domain's credential in the database, its credential file, the request's own credential, CLAUDE_API_KEY, else 401
(docs/credentials.md#who-pays). A credential that exists but cannot be used falls through, and the decision names it. Of
several of a domain that can pay it takes the first and names the others: how they fare is no part of the snapshot.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from accounts.access import keys
from accounts.access.hosts import Host
from accounts.access.inbound import Inbound
from accounts.access.limits import Rules
from accounts.access.paths import Reach, reach_of
from accounts.access.wildcards import covering

REFRESH_AHEAD_SECONDS = 60
OAUTH_BETA = "oauth-2025-04-20"  # of the header anthropic-beta: the API takes an OAuth token with it only

# What a credential pays for: one that all domains share, with and without its files, and a domain's own.
_OF_ALL = frozenset({Reach.SHARED})
_OF_ALL_AND_FILES = _OF_ALL | {Reach.FILES}
_OF_A_DOMAIN = _OF_ALL_AND_FILES | {Reach.OWN}
_REFUSALS = {
    Reach.DOTTED: "Write the path without . and .. segments, encoded ones too: Nexus pays only for a path that is plain.",
    Reach.CLOSED: (
        "Nexus lets nobody manage the organisation of its credential; use a key of your own in x-api-key for a domain that has "
        "no credential."
    ),
    Reach.FILES: (
        "Files and batches of CLAUDE_API_KEY are shared by all who use it, so {domain} may not reach them: ask the operator for "
        "a credential of this domain or for ALLOW_SHARED_FILES, or send your own key in x-api-key."
    ),
    Reach.OWN: (
        "CLAUDE_API_KEY is shared by all who use it, so it pays only for POST /v1/messages, /v1/messages/count_tokens and "
        "/v1/complete and for GET /v1/models: ask the operator for a credential of {domain}, or send your own key in x-api-key."
    ),
}


@dataclass(frozen=True)
class AccessCredential:
    """A credential of the operator, in clear, in memory only.

    `source` is database, file or environment; `reference` a primary key, a path or a variable's name; `secret` the API key or
    the access token, "" where there is none that can be used; `expires_at` epoch seconds.
    """

    source: str
    reference: str
    kind: str
    secret: str = field(repr=False)
    account: str = ""
    expires_at: float = math.inf
    refreshable: bool = False

    @cached_property  # a pool asks for it a dozen times a request
    def name(self) -> str:
        """How records and warnings call it; accounts of two domains may share a name."""
        return f"{self.source}:{self.account or self.reference}"

    @cached_property
    def key(self) -> str:
        """What tells it from every other credential."""
        return f"{self.source}:{self.reference}"

    @property
    def is_oauth(self) -> bool:
        return self.kind == "oauth"

    def usable(self, now: float) -> bool:
        return bool(self.secret) and now < self.expires_at

    def wants_refresh(self, now: float) -> bool:
        return self.refreshable and (not self.secret or now >= self.expires_at - REFRESH_AHEAD_SECONDS)

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What goes upstream in place of the client's own credential."""
        if self.is_oauth:
            return ((b"authorization", b"Bearer " + self.secret.encode()),)
        return ((b"x-api-key", self.secret.encode()),)


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """A client key that opens its domain until `expires_at` (epoch seconds)."""

    reference: str
    expires_at: float = math.inf


@dataclass(frozen=True, slots=True)
class DomainAccess:
    """What one domain may spend, most preferred first, and the keys that open it, by their digest.

    `guarded` means that a client key is demanded: somebody was given one, even if none is valid any more.
    """

    name: str
    credentials: tuple[AccessCredential, ...] = ()
    grants: Mapping[str, KeyGrant] = field(default_factory=dict)
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a decision needs; replaced as a whole when anything changes.

    `shared_files` lets every domain that `default` pays for reach its files and batches; no wildcard is looked for without
    `has_wildcards`. `parts` is what others keep in it (`accounts.snapshot.parts`), by name.
    """

    domains: Mapping[str, DomainAccess] = field(default_factory=dict)
    default: AccessCredential | None = None
    client_auth: bool = False
    shared_files: bool = False
    has_wildcards: bool = False
    limits: Rules = field(default_factory=Rules)
    parts: Mapping[str, object] = field(default_factory=dict)

    def credential(self, key: str) -> AccessCredential | None:
        """A domain's credential by its `AccessCredential.key`, None where it is gone."""
        credentials = (credential for access in self.domains.values() for credential in access.credentials)
        return next((credential for credential in credentials if credential.key == key), None)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who pays. `credential` None means the client itself; `refresh` is a credential to be refreshed before this decision is final.

    `tenant` is the wildcard whose access counted, "" where that is the domain itself.
    `pool` holds all credentials of the domain that can pay, in their order, where there are several: `paid_with` takes another.
    """

    domain: str
    headers: tuple[tuple[bytes, bytes], ...]
    credential: AccessCredential | None = None
    adds_oauth_beta: bool = False
    client_key: str = ""
    passed_over: tuple[str, ...] = ()
    refresh: AccessCredential | None = None
    tenant: str = ""
    pool: tuple[AccessCredential, ...] = ()

    @property
    def paid_by(self) -> str:
        return self.credential.name if self.credential else "client"

    def paid_with(self, credential: AccessCredential, passed_over: Iterable[str] = ()) -> "Decision":
        """The same with this credential, for which these others were passed over as well."""
        names = tuple(dict.fromkeys((*self.passed_over, *passed_over)))
        return replace(
            self,
            headers=credential.headers(),
            credential=credential,
            adds_oauth_beta=credential.is_oauth,
            passed_over=names,
            refresh=None,
        )


class Denied(Exception):
    """The request may not pass; `kind` is the API's error type, and the message says what to do."""

    def __init__(self, kind: str, message: str, domain: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.domain = domain


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request brings to the decision; `target` is its path and query as the client wrote them, `method` in capitals."""

    host: Host
    inbound: Inbound
    from_browser: bool = False
    target: str = "/v1/messages"
    method: str = "POST"


def decide(snapshot: Snapshot, claim: Claim, now: float, refreshed: frozenset[str] = frozenset()) -> Decision:
    """Choose who pays; raises Denied. `refreshed` holds the keys of credentials whose refresh was tried for this very request."""
    domain, access = _domain(snapshot, claim.host)
    decision = _choose(snapshot, domain, access, claim, now, refreshed)
    return decision if access.name == domain else replace(decision, tenant=access.name)


def _choose(
    snapshot: Snapshot, domain: str, access: DomainAccess, claim: Claim, now: float, refreshed: frozenset[str]
) -> Decision:
    key = _client_key(access, domain, claim.inbound.client_key, now)
    may_spend = bool(key) or not (snapshot.client_auth or claim.from_browser)
    if access.credentials and snapshot.client_auth and not key:
        raise _denied_for_want_of_a_key(domain)
    credentials = access.credentials if may_spend else ()
    pool = _pool(credentials, now, refreshed) if len(credentials) > 1 else ()
    passed_over: list[str] = []
    for credential in credentials:
        is_due = credential.wants_refresh(now) and credential.key not in refreshed
        if not is_due and not credential.usable(now):
            passed_over.append(credential.name)
            continue
        _check_reach(claim, domain, _OF_A_DOMAIN)
        if is_due:
            return Decision(domain, (), None, False, key, tuple(passed_over), credential, pool=pool)
        return _paid_by(credential, domain, key, passed_over, pool)
    inbound = claim.inbound
    if inbound.headers:
        return Decision(domain, inbound.headers, None, inbound.is_oauth, key, tuple(passed_over))
    if snapshot.default and may_spend:
        _check_reach(claim, domain, _OF_ALL_AND_FILES if snapshot.shared_files else _OF_ALL)
        return _paid_by(snapshot.default, domain, key, passed_over)
    raise _nobody_pays(snapshot, domain, access, claim, passed_over)


def _domain(snapshot: Snapshot, host: Host) -> tuple[str, DomainAccess]:
    """What records and answers call the domain, and its access; a wildcard gives access to hosts that keep their names."""
    for name in host.candidates:
        if access := snapshot.domains.get(name):
            return name, access
    for name in covering(host.name) if snapshot.has_wildcards else ():
        if access := snapshot.domains.get(name):
            return host.name, access
    return host.full, DomainAccess(host.full)


def _pool(
    credentials: Iterable[AccessCredential], now: float, refreshed: frozenset[str]
) -> tuple[AccessCredential, ...]:
    """Those that can pay, perhaps after a refresh; none where that is only one, which nothing can stand in for."""
    able = tuple(
        credential
        for credential in credentials
        if credential.usable(now) or (credential.wants_refresh(now) and credential.key not in refreshed)
    )
    return able if len(able) > 1 else ()


def _client_key(access: DomainAccess, domain: str, presented: str, now: float) -> str:
    """The reference of the valid key that came along, "" without one; the same refusal for unknown, revoked and expired."""
    if not presented:
        if access.guarded:
            raise _denied_for_want_of_a_key(domain)
        return ""
    grant = access.grants.get(keys.digest(presented))
    if grant is None or now >= grant.expires_at:
        message = f"This Nexus client key does not open {domain}. Ask its operator for a new one."
        raise Denied("authentication_error", message, domain)
    return grant.reference


def _check_reach(claim: Claim, domain: str, allowed: frozenset[Reach]) -> None:
    """Refuse what a credential of the operator is not meant for."""
    reach = reach_of(claim.method, claim.target)
    if reach not in allowed:
        kind = "invalid_request_error" if reach is Reach.DOTTED else "permission_error"
        raise Denied(kind, _REFUSALS[reach].format(domain=domain), domain)


def _paid_by(
    credential: AccessCredential,
    domain: str,
    key: str,
    passed_over: list[str],
    pool: tuple[AccessCredential, ...] = (),
) -> Decision:
    return Decision(
        domain, credential.headers(), credential, credential.is_oauth, key, tuple(passed_over), pool=pool
    )


def _denied_for_want_of_a_key(domain: str) -> Denied:
    message = f"Nexus wants a client key (cnp_live_…) for {domain}, in Authorization or x-api-key. Ask its operator for one."
    return Denied("authentication_error", message, domain)


def _nobody_pays(
    snapshot: Snapshot, domain: str, access: DomainAccess, claim: Claim, passed_over: list[str]
) -> Denied:
    if claim.from_browser and (access.credentials or snapshot.default):
        message = "Nexus lets no web page spend its credential. Call it from a server, or send your own key in x-api-key."
        return Denied("permission_error", message, domain)
    if snapshot.client_auth and snapshot.default:
        return _denied_for_want_of_a_key(domain)
    dead = f" (not usable: {', '.join(passed_over)})" if passed_over else ""
    message = (
        f"Nexus has no credential for {domain}{dead}. Send your own key in x-api-key or Authorization, or ask the operator "
        "to add a credential for this domain in the admin, as a credential file, or as CLAUDE_API_KEY."
    )
    return Denied("authentication_error", message, domain)

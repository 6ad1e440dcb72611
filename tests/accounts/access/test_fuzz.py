"""10,000 variants of Host, headers and path: none reaches another domain's credential."""

import itertools
import random
from urllib.parse import unquote

import pytest

from accounts.access import keys
from accounts.access.decision import (
    AccessCredential,
    Claim,
    Decision,
    Denied,
    DomainAccess,
    KeyGrant,
    Snapshot,
    decide,
)
from accounts.access.hosts import BadHost, Host, parse_host
from accounts.access.inbound import read_credentials

NOW = 1_000_000.0
DEFAULT = AccessCredential(
    "environment", "CLAUDE_API_KEY", "api_key", "sk-ant-api03-default", "CLAUDE_API_KEY"
)
DOMAINS = [
    "a.example", "b.example", "b.example:8080", "[::1]", "[::1]:3000", "127.0.0.1", "localhost:3000", "personal.example",
    "*.wild.example", "*.deep.wild.example", "one.wild.example", "*.amazonaws.com", "*.com",
]  # fmt: skip
OUTSIDE = [
    "example", "localhost", "[0:0::1]", "x.wild.example", "x.deep.wild.example", "y.x.deep.wild.example", "wild.example",
    "bucket.s3.amazonaws.com", "x.amazonaws.com", "x.com", "x.one.wild.example", "_wildcard.wild.example",
]  # fmt: skip
MARKED = {
    name: DomainAccess(
        name,
        (
            AccessCredential("database", name, "api_key", f"marker of {name}."),
            AccessCredential("file", name, "oauth", f"token of {name}."),
        ),
        {keys.digest(f"cnp_live_{name}"): KeyGrant(name)},
        guarded=name.startswith(("p", "*.d")),
    )
    for name in DOMAINS
}  # fmt: skip
NOISE = [
    " ", ".", ":", "/", "\\", "%00", "\0", "..", ":3000", ":8080", ":0", "@", "[", "]", "é", "\uff0c", "A", "a.", "*.", "x.", "-",
]  # fmt: skip
SEGMENTS = [
    "", "v1", "v1", "messages", "organizations", "oauth", "files", "batches", ".", "..", "%2e%2E", ".%2E", "a%2F..", "b;c", "%252e",
    "Files", "%6frganizations", "..;", "%5c..%5C", "skills", "agents", "models", "models", "complete", "count_tokens", "claude-3.5",
]  # fmt: skip
OWN = ["sk-ant-api03-own", "sk-ant-oat01-own", "own"]


def host(chance: random.Random) -> str:
    name = chance.choice([*DOMAINS, *OUTSIDE, "".join(chance.choices(NOISE, k=3))])
    before, after = (chance.choice(NOISE) if chance.random() < 0.3 else "" for _ in range(2))
    return before + (name.upper() if chance.random() < 0.2 else name) + after


def credentials(chance: random.Random) -> list[tuple[bytes, bytes]]:
    return [
        (
            chance.choice([b"authorization", b"x-api-key"]),
            (
                chance.choice(["", "Bearer ", "bearer  ", "Basic ", "x, "])
                + chance.choice(
                    [f"cnp_live_{chance.choice(DOMAINS)}", f"cnp_live_{chance.choice(DOMAINS)}x", *OWN]
                )
            ).encode(),
        )
        for _ in range(chance.randrange(4))
    ]


def path(chance: random.Random) -> str:
    start = "/v1/" if chance.random() < 0.8 else "/"
    query = chance.choice(["", "", "?beta=true", "?x=/../y", "?/v1/organizations"])
    return start + "/".join(chance.choices(SEGMENTS, k=chance.randrange(5))) + query


def its_own(asked: Host) -> str:
    """The one domain that a host belongs to, worked out by hand; "" where it is none of them."""
    if exact := [name for name in asked.candidates if name in DOMAINS]:
        return exact[0]
    # Below s3.amazonaws.com and com everybody has a domain of their own.
    wild = [name for name in DOMAINS if name.startswith("*.") and asked.name.endswith(name[1:])]
    lawful = [name for name in wild if name != "*.com" and not asked.name.endswith(".s3.amazonaws.com")]
    return max(lawful, key=len, default="")


def method_and_path(chance: random.Random) -> tuple[str, str]:
    if chance.random() < 0.3:
        known = [
            ("POST", "/v1/messages"),
            ("GET", "/v1/models"),
            ("HEAD", "/v1/models/claude-3.5"),
            ("GET", "/v1/files/f_1"),
        ]
        return chance.choice(known)
    return chance.choice(["GET", "POST", "HEAD", "DELETE"]), path(chance)


def is_shared(method: str, raw: str, files: bool) -> bool:
    """What a shared credential may pay for, worked out by hand."""
    if files and (raw + "/").startswith(("/v1/files/", "/v1/messages/batches/")):
        return True
    if method == "POST":
        return raw in ("/v1/messages", "/v1/messages/count_tokens", "/v1/complete")
    steps = raw.split("/")
    return (
        method != "DELETE"
        and steps[:3] == ["", "v1", "models"]
        and len(steps) < 5
        and steps[-1].isprintable()
    )


def check(claim: Claim, decision: Decision, *, keyless: bool, files: bool) -> None:
    asked, inbound, target = claim.host, claim.inbound, claim.target
    sent = b"".join(itertools.chain.from_iterable(decision.headers)).decode()
    own = its_own(asked)
    assert not any(f" of {name}." in sent for name in DOMAINS if name != own)
    assert "cnp_" not in sent
    assert decision.domain in asked.candidates
    if decision.credential is None:
        return
    assert inbound.client_key == f"cnp_live_{own}" or (keyless and not inbound.client_key)
    raw = target.partition("?")[0]
    seen = unquote(raw).replace("\\", "/").lower().replace(";c", "").replace(";", "").split("/")
    assert not {".", ".."} & set(seen)
    seen = [segment for segment in seen if segment]
    assert seen[:2] not in (["v1", "organizations"], ["v1", "oauth"])
    assert decision.credential is not DEFAULT or is_shared(claim.method, raw, files)


def test_no_variant_of_host_headers_and_path_reaches_another_domains_credential() -> None:
    chance = random.Random(random.randrange(2**32))  # pytest-randomly gives the seed
    reached, paid, shared = set[str](), 0, 0
    for _ in range(10_000):
        client_auth, browser, files = chance.random() < 0.3, chance.random() < 0.2, chance.random() < 0.3
        snapshot = Snapshot(MARKED, DEFAULT, client_auth, files, has_wildcards=True)
        asked, inbound, (method, target) = (
            host(chance),
            read_credentials(credentials(chance)),
            method_and_path(chance),
        )
        try:
            claim = Claim(parse_host(asked), inbound, browser, target, method)
            decision = decide(snapshot, claim, NOW)
        except (BadHost, Denied):
            continue
        check(claim, decision, keyless=not (client_auth or browser), files=files)
        paid += decision.credential is not None
        shared += decision.credential is DEFAULT
        reached |= {its_own(claim.host)} if decision.credential else set()

    # The fuzz means something only while requests get through, to most of the domains.
    assert paid > 300
    assert shared > 30
    assert len(reached) > 8


@pytest.mark.parametrize("name", [name for name in DOMAINS if name != "*.com"])
def test_every_marked_domain_is_reached_by_its_own_name(name: str) -> None:
    asked = name.replace("*", "x")
    claim = Claim(parse_host(asked), read_credentials([(b"x-api-key", f"cnp_live_{name}".encode())]))

    decision = decide(Snapshot(MARKED, has_wildcards=True), claim, NOW)

    assert f"marker of {name}.".encode() in decision.headers[0][1]

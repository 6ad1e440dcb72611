"""Variants of Host, credentials and target through a real proxy: upstream never sees the credential of another domain."""

import json
import random
from collections.abc import Callable
from uuid import uuid4

from nexus_project.demo.received import Received
from tests.flow import wire
from tests.flow.access.test_who_pays import paid
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

VARIANTS = 1000
FILES = {
    "one.example": "one.example",
    "two.example": "two.example",
    "two.example:8080": "port.two.example",
    "_wildcard.wild.example": "any.wild.example",
    "_wildcard.deep.wild.example": "any.deep.wild.example",
}
NOISE = [
    "",
    "",
    "",
    "",
    ".",
    ":80",
    ":8080",
    "..",
    "/",
    "@one.example",
    "%00",
    "\\",
    " ",
    "x.",
    "-",
    "\t",
    ":0",
    "é",
]
SEGMENTS = [
    "models",
    "messages",
    "x",
    "..",
    "%2e%2e",
    "organizations",
    "oauth",
    "files",
    "",
    "%2F",
    "one.example",
    "%252e",
]


def owner_of(host: str) -> str:
    """The file whose credential a well-formed host may spend, by hand; "" where it is none."""
    name = host.strip().lower()
    bare = name.partition(":")[0].rstrip(".")
    if name in FILES:
        return name
    if bare in FILES:
        return bare
    for parent in ("deep.wild.example", "wild.example"):
        if bare.endswith(f".{parent}"):
            return f"_wildcard.{parent}"
    return ""


def variant(chance: random.Random) -> tuple[str, str, list[tuple[str, bytes]]]:
    host = (
        chance.choice(NOISE)
        + chance.choice([*FILES.values(), "wild.example", "other.example"])
        + chance.choice(NOISE)
    )
    target = "/v1/" + "/".join(chance.choices(SEGMENTS, k=chance.randrange(1, 4)))
    right, other = owner_of(host), chance.choice(list(FILES))
    key = f"cnp_live_{right if right and chance.random() < 0.6 else other}"
    name = chance.choice(["x-api-key", "authorization"])
    value = key if name == "x-api-key" else f"Bearer {key}"
    forged = ("x-forwarded-host", chance.choice(list(FILES.values())).encode())
    return host, target, [(name, value.encode())] + [forged] * chance.randrange(2)


def check(host: str, entry: Received) -> bool:
    """Whether an operator's credential was spent, after checking that it was the host's own and the path a plain one."""
    sent = entry.credential or ""
    assert "cnp_" not in "".join(value.decode() for _, value in entry.headers)
    if not sent.startswith("marker"):
        return False
    assert sent == f"marker:{owner_of(host)}"
    assert b".." not in entry.target.replace(b"%2e", b".").replace(b"%2E", b".").split(b"/")
    assert not entry.target.startswith((b"/v1/organizations", b"/v1/oauth"))
    return True


def test_no_variant_of_a_request_spends_another_domains_credential(make_nexus: Callable[..., Nexus]) -> None:
    nexus = make_nexus(CLAUDE_API_KEY="")
    for name in FILES:
        content = {"type": "api_key", "api_key": f"marker:{name}", "client_api_key": f"cnp_live_{name}"}
        (nexus.data_dir / "credentials" / f"{name}.credentials.json").write_text(json.dumps(content))
    for name, host in FILES.items():
        asked = "two.example:8080" if ":" in name else host
        key = ("x-api-key", f"cnp_live_{name}".encode())
        wait_for(lambda: paid(nexus, asked, key) == (200, f"marker:{name}"), 5)  # noqa: B023 - asked at once
    chance = random.Random(random.randrange(2**32))  # pytest-randomly gives the seed
    hosts = {}
    for _ in range(VARIANTS):
        host, target, headers = variant(chance)
        mark = uuid4().hex
        hosts[mark] = host
        wire.send(
            nexus.url, wire.request_bytes("GET", target, [*headers, ("x-test-id", mark.encode())], host=host)
        )

    seen = [
        (hosts[mark], entry)
        for entry in nexus.emulator.app.log
        if (mark := entry.value("x-test-id")) in hosts
    ]
    assert sum(check(host, entry) for host, entry in seen) > 10

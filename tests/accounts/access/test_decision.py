from dataclasses import fields

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
from accounts.access.hosts import parse_host
from accounts.access.inbound import Header, read_credentials

NOW = 1_000_000.0
ROW = AccessCredential("database", "7", "api_key", "sk-ant-api03-row", "Team")
FILE = AccessCredential(
    "file", "/c/a.example.credentials.json", "oauth", "sk-ant-oat01-file", "acc_1", NOW + 3600
)
DEFAULT = AccessCredential(
    "environment", "CLAUDE_API_KEY", "api_key", "sk-ant-api03-default", "CLAUDE_API_KEY"
)
KEY = "cnp_live_good"
OWN = (b"x-api-key", b"sk-ant-api03-own")


def domain(*credentials: AccessCredential, guarded: bool = False, key_ends: float = NOW + 1) -> DomainAccess:
    grants = {keys.digest(KEY): KeyGrant("3", key_ends)} if guarded else {}
    return DomainAccess("a.example", credentials, grants, guarded)


def ask(
    access: DomainAccess | None = None, *headers: Header, default: AccessCredential | None = DEFAULT, client_auth: bool = False,
    browser: bool = False, refreshed: frozenset[str] = frozenset(), host: str = "a.example:3000", target: str = "/v1/messages",
    shared_files: bool = False, method: str = "POST",
) -> Decision:  # fmt: skip
    snapshot = Snapshot({access.name: access} if access else {}, default, client_auth, shared_files)
    claim = Claim(parse_host(host), read_credentials(headers), browser, target, method)
    return decide(snapshot, claim, NOW, refreshed=refreshed)


def denial(*args: object, **options: object) -> tuple[str, str]:
    with pytest.raises(Denied) as caught:
        ask(*args, **options)  # type: ignore[arg-type]  # handed on
    return caught.value.kind, caught.value.message


@pytest.mark.parametrize(
    ("credentials", "headers", "default", "paid_by"),
    [
        ((ROW, FILE), (OWN,), DEFAULT, "database:Team"),
        ((FILE,), (OWN,), DEFAULT, "file:acc_1"),
        ((), (OWN,), DEFAULT, "client"),
        ((), (), DEFAULT, "environment:CLAUDE_API_KEY"),
    ],
)
def test_the_order_is_database_file_request_environment(
    credentials: tuple[AccessCredential, ...],
    headers: tuple[Header, ...],
    default: AccessCredential,
    paid_by: str,
) -> None:
    assert ask(domain(*credentials), *headers, default=default).paid_by == paid_by


def test_with_nothing_to_pay_with_the_answer_says_what_to_do() -> None:
    kind, message = denial(default=None)

    assert kind == "authentication_error"
    assert "no credential for a.example:3000." in message
    assert "CLAUDE_API_KEY" in message


def test_predecessor_defect_6_an_api_key_goes_upstream_as_x_api_key_and_alone() -> None:
    decision = ask(domain(ROW), OWN, (b"authorization", b"Bearer sk-ant-oat01-own"))

    assert decision.headers == ((b"x-api-key", b"sk-ant-api03-row"),)
    assert not decision.adds_oauth_beta


def test_oauth_goes_upstream_as_a_bearer_with_its_beta_and_alone() -> None:
    decision = ask(domain(FILE), OWN)

    assert decision.headers == ((b"authorization", b"Bearer sk-ant-oat01-file"),)
    assert decision.adds_oauth_beta


def test_the_clients_own_oauth_token_gets_the_beta() -> None:
    assert ask(None, (b"authorization", b"Bearer sk-ant-oat01-own")).adds_oauth_beta
    assert not ask(None, OWN).adds_oauth_beta


def test_the_domain_with_the_port_comes_first() -> None:
    with_port = DomainAccess("a.example:3000", (FILE,))
    snapshot = Snapshot({"a.example": domain(ROW), "a.example:3000": with_port})
    claim = Claim(parse_host("A.example:3000"), read_credentials([]))

    assert decide(snapshot, claim, NOW).credential is FILE
    assert decide(snapshot, Claim(parse_host("a.example:1"), claim.inbound), NOW).credential is ROW


WILD = {
    name: DomainAccess(name, (AccessCredential("database", name, "api_key", f"key of {name}"),))
    for name in (
        "*.example.com",
        "*.b.example.com",
        "exact.b.example.com",
        "*.amazonaws.com",
        "*.com",
        "*.0.0.1",
    )
}


@pytest.mark.parametrize(
    ("host", "domain", "paid_by"),
    [
        ("x.example.com", "x.example.com", "database:*.example.com"),
        ("X.y.Example.com:3000", "x.y.example.com", "database:*.example.com"),
        ("x.b.example.com", "x.b.example.com", "database:*.b.example.com"),
        ("b.example.com", "b.example.com", "database:*.example.com"),
        ("exact.b.example.com:1", "exact.b.example.com", "database:exact.b.example.com"),
        ("a.exact.b.example.com", "a.exact.b.example.com", "database:*.b.example.com"),
        ("x.amazonaws.com", "x.amazonaws.com", "database:*.amazonaws.com"),
        ("example.com:3000", "example.com:3000", "client"),
        ("badexample.com", "badexample.com", "client"),
        # A public suffix of its own, below which everybody has their domain.
        ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com", "client"),
        ("127.0.0.1", "127.0.0.1", "client"),
        ("[::1]", "[::1]", "client"),
        ("com", "com", "client"),
    ],
)
def test_a_wildcard_opens_the_hosts_below_it_and_the_most_specific_name_comes_first(
    host: str, domain: str, paid_by: str
) -> None:
    claim = Claim(parse_host(host), read_credentials([OWN]))

    decision = decide(Snapshot(WILD, DEFAULT, has_wildcards=True), claim, NOW)

    assert (decision.domain, decision.paid_by) == (domain, paid_by)


def test_a_wildcards_keys_open_its_hosts_and_no_others() -> None:
    wild = DomainAccess("*.example.com", (ROW,), {keys.digest(KEY): KeyGrant("3")}, guarded=True)
    snapshot = Snapshot(
        {wild.name: wild, "exact.example.com": DomainAccess("exact.example.com", (FILE,))}, has_wildcards=True
    )
    shown = read_credentials([(b"x-api-key", KEY.encode())])

    assert decide(snapshot, Claim(parse_host("a.example.com"), shown), NOW).client_key == "3"
    for host, presented in [
        ("a.example.com", read_credentials([])),
        ("exact.example.com", shown),
        ("a.example", shown),
    ]:
        with pytest.raises(Denied, match=rf"(for|open) {host}"):
            decide(snapshot, Claim(parse_host(host), presented), NOW)


@pytest.mark.parametrize(
    "dead",
    [
        AccessCredential("file", "f", "oauth", "sk-ant-oat01-old", "old", expires_at=NOW),
        AccessCredential("file", "f", "oauth", "", "old"),
        AccessCredential("file", "f", "oauth", "", "old", refreshable=True),
    ],
)
@pytest.mark.parametrize(("headers", "paid_by"), [((OWN,), "client"), ((), "environment:CLAUDE_API_KEY")])
def test_an_unusable_credential_falls_through_and_is_named(
    dead: AccessCredential, headers: tuple[Header, ...], paid_by: str
) -> None:
    decision = ask(domain(dead), *headers, refreshed=frozenset({dead.key}))

    assert (decision.paid_by, decision.passed_over) == (paid_by, ("file:old",))


def test_all_that_can_pay_are_named_and_one_alone_is_no_pool() -> None:
    due = AccessCredential("file", "f", "oauth", "", "due", refreshable=True)
    dead = AccessCredential("database", "8", "oauth", "sk-ant-oat01-old", "dead", expires_at=NOW)

    assert (ask(domain(ROW, FILE)).credential, ask(domain(ROW, FILE)).pool) == (ROW, (ROW, FILE))
    assert ask(domain(dead, ROW, due)).pool == (ROW, due)
    assert (ask(domain(due, ROW)).refresh, ask(domain(due, ROW)).pool) == (due, (due, ROW))
    for alone in (domain(ROW), domain(dead, ROW)):
        assert ask(alone).pool == ()
    assert ask(domain(due, ROW), refreshed=frozenset({due.key})).pool == ()
    assert ask(domain(ROW, FILE), OWN, browser=True).pool == ()


def test_another_of_the_pool_pays_as_the_first_would() -> None:
    other = ask(domain(ROW, FILE)).paid_with(FILE, ["x", "x"])

    assert (other.credential, other.headers, other.adds_oauth_beta) == (FILE, FILE.headers(), True)
    assert (other.domain, other.passed_over, other.pool) == ("a.example", ("x",), (ROW, FILE))


def test_another_of_the_pool_changes_what_is_of_the_credential_and_nothing_else() -> None:
    names = {field.name for field in fields(Decision)}
    of_the_credential = {"headers", "credential", "adds_oauth_beta", "passed_over", "refresh"}
    # A value of its own in each other field, whatever fields there will be.
    rest = {name: f"the {name} of before" for name in names - of_the_credential}
    decision = Decision(headers=(), credential=ROW, refresh=ROW, **rest)  # type: ignore[arg-type]  # nobody looks into them

    other = decision.paid_with(FILE)

    assert {name: getattr(other, name) for name in rest} == rest
    assert (other.credential, other.headers, other.refresh) == (FILE, FILE.headers(), None)


def test_another_of_the_pool_pays_for_the_wildcard_as_the_first_would() -> None:
    snapshot = Snapshot({"*.wild.example": DomainAccess("*.wild.example", (ROW, FILE))}, has_wildcards=True)

    decision = decide(snapshot, Claim(parse_host("x.wild.example"), read_credentials(())), NOW)

    assert decision.paid_with(FILE).tenant == "*.wild.example"


def test_an_unusable_credential_is_named_where_nobody_pays() -> None:
    dead = AccessCredential("file", "f", "oauth", "", "old")

    assert "(not usable: file:old)" in denial(domain(dead), default=None)[1]
    assert ask(domain(dead, ROW)).passed_over == ("file:old",)


@pytest.mark.parametrize(("seconds_left", "refreshes"), [(61, False), (60, True), (-1, True)])
def test_a_refresh_is_due_sixty_seconds_before_the_end(seconds_left: float, refreshes: bool) -> None:
    credential = AccessCredential(
        "file", "f", "oauth", "sk-ant-oat01-x", expires_at=NOW + seconds_left, refreshable=True
    )

    decision = ask(domain(credential))

    assert (decision.refresh is credential) is refreshes


def test_a_token_that_could_not_be_refreshed_serves_until_its_end() -> None:
    credential = AccessCredential(
        "file", "f", "oauth", "sk-ant-oat01-x", expires_at=NOW + 30, refreshable=True
    )

    assert ask(domain(credential), refreshed=frozenset({credential.key})).credential is credential


def test_two_credentials_of_one_name_are_refreshed_each() -> None:
    first = AccessCredential("database", "1", "oauth", "", "main", refreshable=True)
    second = AccessCredential("database", "2", "oauth", "", "main", refreshable=True)

    assert ask(domain(first, second), refreshed=frozenset({first.key})).refresh is second


def test_with_client_auth_the_operators_credentials_want_a_key() -> None:
    key = (b"authorization", f"Bearer {KEY}".encode())

    assert "wants a client key" in denial(domain(ROW), client_auth=True)[1]
    assert "wants a client key" in denial(domain(ROW), OWN, client_auth=True)[1]
    assert "wants a client key" in denial(None, client_auth=True)[1]
    assert ask(domain(ROW, guarded=True), key, client_auth=True).credential is ROW
    assert ask(domain(guarded=True), key, client_auth=True).credential is DEFAULT
    assert ask(domain(ROW, guarded=True), key).client_key == "3"


def test_with_client_auth_a_client_may_still_pay_for_itself() -> None:
    assert ask(domain(), OWN, client_auth=True).paid_by == "client"
    assert "no credential for" in denial(domain(), client_auth=True, default=None)[1]


def test_a_domain_with_keys_wants_one_also_without_client_auth() -> None:
    assert "wants a client key" in denial(domain(guarded=True), OWN)[1]


@pytest.mark.parametrize("key", [b"cnp_live_other", b"cnp_live_goodx", b"cnp_"])
def test_a_wrong_key_is_refused_even_where_none_is_wanted(key: bytes) -> None:
    assert "does not open a.example" in denial(domain(ROW, guarded=True), (b"x-api-key", key))[1]
    assert "does not open a.example" in denial(domain(ROW), (b"x-api-key", KEY.encode()))[1]


def test_an_expired_key_is_refused() -> None:
    assert "does not open" in denial(domain(ROW, guarded=True, key_ends=NOW), (b"x-api-key", KEY.encode()))[1]


def test_unknown_revoked_and_expired_keys_get_one_and_the_same_refusal() -> None:
    never = denial(domain(ROW, guarded=True), (b"x-api-key", b"cnp_live_never"))
    ended = denial(domain(ROW, guarded=True, key_ends=NOW - 1), (b"authorization", f"Bearer {KEY}".encode()))
    elsewhere = denial(domain(ROW), (b"x-api-key", KEY.encode()))

    assert never == ended == elsewhere
    assert never[0] == "authentication_error"


def test_a_browsers_page_spends_the_operators_credentials_only_with_a_key() -> None:
    key = (b"x-api-key", KEY.encode())

    assert denial(domain(ROW), browser=True)[0] == "permission_error"
    assert denial(None, browser=True)[0] == "permission_error"
    assert denial(None, browser=True, default=None)[0] == "authentication_error"
    assert ask(domain(ROW), OWN, browser=True).paid_by == "client"
    assert ask(domain(ROW, guarded=True), key, browser=True).credential is ROW


@pytest.mark.parametrize("access", [None, domain(ROW), domain(FILE)])
@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/v1/messages/../organizations", "invalid_request_error"),
        ("/v1/messages/%2E%2e/organizations", "invalid_request_error"),
        ("/v1/organizations/api_keys", "permission_error"),
        ("/v1/oauth/token", "permission_error"),
    ],
)
def test_no_credential_of_the_operator_pays_for_a_closed_or_crooked_path(
    access: DomainAccess | None, target: str, kind: str
) -> None:
    assert denial(access, target=target)[0] == kind
    assert ask(None, OWN, target=target).paid_by == "client"


def test_a_refused_path_refreshes_no_token() -> None:
    credential = AccessCredential("file", "f", "oauth", "", refreshable=True)

    assert denial(domain(credential), target="/v1/organizations")[0] == "permission_error"
    assert ask(domain(credential), target="/v1/messages").refresh is credential


def test_a_credential_that_cannot_be_used_limits_no_path() -> None:
    dead = AccessCredential("file", "f", "oauth", "")

    assert ask(domain(dead), OWN, target="/v1/organizations").paid_by == "client"


@pytest.mark.parametrize("target", ["/v1/files/file_1", "/v1/messages/batches"])
def test_files_and_batches_are_reached_with_the_domains_own_credential_or_by_a_setting(target: str) -> None:
    kind, message = denial(target=target)

    assert kind == "permission_error"
    assert "ALLOW_SHARED_FILES" in message
    assert ask(target=target, shared_files=True).credential is DEFAULT
    assert ask(domain(FILE), target=target).credential is FILE
    assert ask(None, OWN, target=target).paid_by == "client"


@pytest.mark.parametrize("shared_files", [False, True])
@pytest.mark.parametrize(
    "first", ["skills", "agents", "sessions", "vaults", "memory_stores", "environments", "new"]
)
def test_what_lies_in_an_account_is_reached_with_the_domains_own_credential_alone(
    first: str, shared_files: bool
) -> None:
    for method in ("GET", "POST", "DELETE"):
        asked = {"target": f"/v1/{first}/x_1", "method": method, "shared_files": shared_files}
        kind, message = denial(**asked)

        assert kind == "permission_error"
        assert "credential of a.example:3000, or send your own key" in message
        assert ask(domain(FILE), **asked).credential is FILE  # type: ignore[arg-type]  # handed on
        assert ask(None, OWN, **asked).paid_by == "client"  # type: ignore[arg-type]  # handed on


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/v1/complete"), ("GET", "/v1/models"), ("HEAD", "/v1/models/claude-3.5")]
)
def test_a_shared_credential_pays_for_inference_and_models(method: str, target: str) -> None:
    assert ask(target=target, method=method).credential is DEFAULT


def test_no_secret_is_in_a_representation() -> None:
    assert "row" not in repr(ask(domain(ROW)).credential)

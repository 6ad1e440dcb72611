import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.access.paths import Reach, reach_of


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/messages"), ("POST", "/v1/messages?beta=true"), ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/messages?x=/v1/organizations"), ("POST", "/v1/complete"), ("GET", "/v1/models"), ("HEAD", "/v1/models"),
        ("GET", "/v1/models?a=../x"), ("GET", "/v1/models/claude-3.5"), ("HEAD", "/v1/models/claude-opus-4@20250514"),
    ],
)  # fmt: skip
def test_what_everybody_may_reach_is_a_list(method: str, target: str) -> None:
    assert reach_of(method, target) is Reach.SHARED


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/messages"), ("post", "/v1/messages"), ("POST", "/v1/messages/"), ("POST", "/v1//messages"),
        ("POST", "/v1/Messages"), ("POST", "/v1/%6dessages"), ("POST", "/v1/messages;x"), ("POST", "/v1/messages/x"),
        ("POST", "/v1/messages%00"), ("POST", "/v1/messages%3Fx"), ("POST", "/v1/models"), ("DELETE", "/v1/models/claude-3"),
        ("GET", "/v1/models/"), ("GET", "/v1/models/a/b"), ("GET", "/v1/models/a%2Fb"), ("GET", "/v1/complete"), ("PUT", "/v1/x"),
        ("GET", "/v1/skills"), ("POST", "/v1/agents"), ("GET", "/v1/sessions/s_1"), ("GET", "/v1/environments"),
        ("GET", "/v1/memory_stores/m_1"), ("GET", "/v1/user_profiles"), ("GET", "/v1/..."), ("GET", "/v1/a..b"), ("GET", "/v1/.a"),
        ("GET", "/v1/%252e%252e/x"), ("GET", "/v1/%252E"), ("GET", "/v1/x/files"), ("GET", "/v1/messages/x/batches"),
        ("GET", "/v1/models/organizations/x"), ("GET", "/v1/"),
        # Other spellings of files and batches, which the setting does not open.
        ("GET", "/v1/FILES"), ("GET", "/v1//messages/batches"), ("GET", "/v1/messages%2Fbatches"), ("GET", "/v1/filesx"),
        ("GET", "/v1/messages;x/batches;y"),
    ],
)  # fmt: skip
def test_what_the_list_does_not_name_is_of_the_domains_own_credential(method: str, target: str) -> None:
    assert reach_of(method, target) is Reach.OWN


@pytest.mark.parametrize(
    "target",
    [
        "/v1/..", "/v1/.", "/v1/../x", "/v1/./messages", "/v1/%2e%2e/x", "/v1/%2E%2e/x", "/v1/.%2E/x", "/v1/%2e./x", "/v1/%2e",
        "/v1/a%2f..%2Fb", "/v1/a%2F%2e%2E%2fb", "/v1/a\\..\\b", "/v1/a%5c..%5Cb", "/v1/..;x=1/y", "/v1/..%3bx/y", "/v1/..?x",
        "/v1/.%09./x", "/v1/..%00/x", "/v1/..%20/x", "/v1/messages/..", "/v1/organizations/../messages", "/%2e/v1/messages",
    ],
)  # fmt: skip
def test_dot_segments_are_found_however_they_are_written(target: str) -> None:
    assert reach_of("POST", target) is Reach.DOTTED


@pytest.mark.parametrize(
    "target",
    [
        "/v1/organizations", "/v1/organizations/", "/v1/organizations?x", "/v1/organizations/api_keys", "/v1/organizationsx",
        "/v1/oauth", "/v1/oauth/token", "/v1/Organizations", "/v1/%6Frganizations", "/v1//organizations", "/v1%2Forganizations",
        "/v1/organizations;a=b/x", "/v1/o%61uth", "/%761/organizations", "/v1\\organizations", "/v1/%00organizations",
        "*", "", "/v2/messages", "/messages", "//files",
    ],
)  # fmt: skip
def test_the_organisations_own_paths_are_closed(target: str) -> None:
    assert reach_of("POST", target) is Reach.CLOSED


@pytest.mark.parametrize(
    "target",
    [
        "/v1/files", "/v1/files/", "/v1/files/file_1/content", "/v1/files?a", "/v1/messages/batches", "/v1/messages/batches?x",
        "/v1/messages/batches/b_1/results", "/v1/files/a%2Fb",
    ],
)  # fmt: skip
def test_files_and_batches_are_what_a_credentials_users_share(target: str) -> None:
    assert reach_of("GET", target) is Reach.FILES


def encoded(text: str, which: list[bool]) -> str:
    """Some of the characters percent-encoded, in either case."""
    pairs = zip(text, which * len(text), strict=False)
    return "".join(
        (f"%{ord(pair):02x}" if pair in "/." else f"%{ord(pair):02X}") if hide else pair
        for pair, hide in pairs
    )


@given(
    st.sampled_from(["organizations", "oauth/token", "..", "x/../y", "."]),
    st.lists(st.booleans(), min_size=1),
)
def test_no_way_of_encoding_opens_what_is_closed(rest: str, which: list[bool]) -> None:
    path = f"/v1/{rest}"

    assert reach_of("POST", path) in {Reach.CLOSED, Reach.DOTTED}
    assert reach_of("POST", encoded(path, which)) is reach_of("POST", path)


@given(
    st.sampled_from(["files", "messages/batches", "skills", "messages", "models"]),
    st.lists(st.booleans(), min_size=1),
)
def test_no_way_of_encoding_makes_anything_shared(rest: str, which: list[bool]) -> None:
    path = f"/v1/{rest}"

    assert encoded(path, which) == path or reach_of("POST", encoded(path, which)) in {Reach.OWN, Reach.FILES}


@given(st.text(), st.text())
def test_anything_has_a_reach(method: str, target: str) -> None:
    assert reach_of(method, target) in Reach

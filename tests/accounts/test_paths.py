import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.paths import Reach, reach_of


@pytest.mark.parametrize(
    "target",
    [
        "/v1/messages", "/v1/messages?beta=true", "/v1/messages/count_tokens", "/v1/models/claude-3.5", "/v1/models?a=../x",
        "/v1/...", "/v1/a..b", "/v1/.a", "/v1/a.", "/v1/%252e%252e/x", "/v1/%252E", "/v1/x/files", "/v1/messages/x/batches",
        "/v1/models/organizations", "/v1/", "*", "", "/v1/messages?x=/v1/organizations",
    ],
)  # fmt: skip
def test_most_paths_are_plain_and_what_is_encoded_twice_is_data(target: str) -> None:
    assert reach_of(target) is Reach.PLAIN


@pytest.mark.parametrize(
    "target",
    [
        "/v1/..", "/v1/.", "/v1/../x", "/v1/./messages", "/v1/%2e%2e/x", "/v1/%2E%2e/x", "/v1/.%2E/x", "/v1/%2e./x", "/v1/%2e",
        "/v1/a%2f..%2Fb", "/v1/a%2F%2e%2E%2fb", "/v1/a\\..\\b", "/v1/a%5c..%5Cb", "/v1/..;x=1/y", "/v1/..%3bx/y", "/v1/..?x",
        "/v1/.%09./x", "/v1/..%00/x", "/v1/..%20/x", "/v1/messages/..", "/v1/organizations/../messages", "/%2e/v1/messages",
    ],
)  # fmt: skip
def test_dot_segments_are_found_however_they_are_written(target: str) -> None:
    assert reach_of(target) is Reach.DOTTED


@pytest.mark.parametrize(
    "target",
    [
        "/v1/organizations", "/v1/organizations/", "/v1/organizations?x", "/v1/organizations/api_keys", "/v1/organizationsx",
        "/v1/oauth", "/v1/oauth/token", "/v1/Organizations", "/v1/%6Frganizations", "/v1//organizations", "/v1%2Forganizations",
        "/v1/organizations;a=b/x", "/v1/o%61uth", "/%761/organizations", "/v1\\organizations", "/v1/%00organizations",
    ],
)  # fmt: skip
def test_the_organisations_own_paths_are_closed(target: str) -> None:
    assert reach_of(target) is Reach.CLOSED


@pytest.mark.parametrize(
    "target",
    [
        "/v1/files", "/v1/files/file_1/content", "/v1/files?limit=1", "/v1/FILES", "/v1/messages/batches", "/v1//messages/batches",
        "/v1/messages/batches/b_1/results", "/v1/messages%2Fbatches", "/v1/messages/batches?x", "/v1/messages;x/batches;y",
    ],
)  # fmt: skip
def test_files_and_batches_are_what_a_credentials_users_share(target: str) -> None:
    assert reach_of(target) is Reach.SHARED


def encoded(text: str, which: list[bool]) -> str:
    """Some of the characters percent-encoded, in either case."""
    pairs = zip(text, which * len(text), strict=False)
    return "".join(
        (f"%{ord(one):02x}" if one in "/." else f"%{ord(one):02X}") if hide else one for one, hide in pairs
    )


@given(
    st.sampled_from(["organizations", "oauth/token", "files", "messages/batches", "..", "x/../y", "."]),
    st.lists(st.booleans(), min_size=1),
)
def test_no_way_of_encoding_hides_what_a_path_asks_for(rest: str, which: list[bool]) -> None:
    path = f"/v1/{rest}"

    assert reach_of(path) is not Reach.PLAIN
    assert reach_of(encoded(path, which)) is reach_of(path)


@given(st.text())
def test_any_text_has_a_reach(target: str) -> None:
    assert reach_of(target) in Reach

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.access import keys
from accounts.access.inbound import NOTHING, Header, Inbound, read_credentials

API_KEY = b"sk-ant-api03-mine"
OAUTH = b"sk-ant-oat01-mine"


def test_no_credential_at_all() -> None:
    assert read_credentials([]) is NOTHING
    assert read_credentials([(b"authorization", b"Bearer "), (b"x-api-key", b"")]) is NOTHING


@pytest.mark.parametrize(
    ("headers", "sent_on"),
    [
        ([(b"x-api-key", API_KEY)], ((b"x-api-key", API_KEY),)),
        ([(b"authorization", b"Bearer other")], ((b"authorization", b"Bearer other"),)),
        ([(b"authorization", b"Basic dTpw")], ((b"authorization", b"Basic dTpw"),)),
        ([(b"x-api-key", b"a"), (b"x-api-key", b"b")], ((b"x-api-key", b"a"), (b"x-api-key", b"b"))),
        ([(b"x-api-key", b"schl\xc3\xbcssel")], ((b"x-api-key", b"schl\xc3\xbcssel"),)),
        ([(b"x-api-key", b"schl\xfcssel")], ((b"x-api-key", b"schl\xfcssel"),)),
        ([(b"x-api-key", b"Bearer")], ((b"x-api-key", b"Bearer"),)),
    ],
)
def test_a_clients_own_credential_goes_on_as_sent(headers: list[Header], sent_on: tuple[Header, ...]) -> None:
    assert read_credentials(headers) == Inbound("", sent_on, is_oauth=False)


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER   ", b""])
def test_an_api_key_in_authorization_stays_there(scheme: bytes) -> None:
    header = (b"authorization", scheme + API_KEY)

    assert read_credentials([header]) == Inbound("", (header,), is_oauth=False)


def test_a_credential_in_both_headers_goes_upstream_in_both() -> None:
    headers = [(b"authorization", b"Bearer " + API_KEY), (b"x-api-key", API_KEY)]

    assert read_credentials(headers).headers == tuple(headers)


def test_an_oauth_bearer_stays_a_bearer_and_asks_for_the_beta() -> None:
    bearer = (b"authorization", b"Bearer " + OAUTH)

    assert read_credentials([bearer]) == Inbound("", (bearer,), is_oauth=True)
    assert read_credentials([bearer, (b"x-api-key", b"a")]).is_oauth


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer cnp_live_k"),
        (b"authorization", b"cnp_live_k"),
        (b"authorization", b"Bearer Bearer cnp_live_k"),
        (b"authorization", b"Token cnp_live_k"),
        (b"x-api-key", b"cnp_live_k"),
        (b"x-api-key", b"Bearer cnp_live_k"),
        (b"x-api-key", b"sk-ant-api03-x, cnp_live_k"),
        (b"x-api-key", b"cnp_live_k,cnp_live_other"),
    ],
)
def test_a_nexus_key_is_taken_from_either_header_and_stays_here(header: Header) -> None:
    assert read_credentials([header]) == Inbound("cnp_live_k")


def test_a_nexus_key_in_one_header_leaves_the_other_ones_credential() -> None:
    found = read_credentials([(b"authorization", b"Bearer cnp_live_k"), (b"x-api-key", API_KEY)])

    assert found == Inbound("cnp_live_k", ((b"x-api-key", API_KEY),))


def test_somebody_elses_key_may_contain_the_four_letters() -> None:
    header = (b"x-api-key", b"sk-ant-api03-Zcnp_a-cnp_b_cnp_c")

    assert read_credentials([header]) == Inbound("", (header,))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"authorization", b"x-api-key"]),
            st.sampled_from(["", "Bearer ", "bEARER  ", "Bearer Bearer ", "Token ", "a,", " \t", "é "]),
            st.sampled_from(["cnp_live_marker", "cnp_test_marker", "cnp_marker", "sk-ant-api03-x", "sk-ant-oat01-x"]),
            st.sampled_from(["", " ", ",sk-ant-api03-y", " cnp_marker", ";cnp_marker"]),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_no_nexus_key_is_among_the_headers_that_go_on(parts: list[tuple[bytes, str, str, str]]) -> None:
    headers = [(name, (scheme + token + rest).encode()) for name, scheme, token, rest in parts]

    found = read_credentials(headers)

    assert b"cnp_" not in b"".join(value for _, value in found.headers)
    assert bool(found.client_key) == any(b"cnp_" in value for _, value in headers)


def test_a_secret_is_not_in_the_representation() -> None:
    found = read_credentials([(b"authorization", b"Bearer cnp_live_k"), (b"x-api-key", API_KEY)])

    assert "cnp_live_k" not in repr(found)
    assert "mine" not in repr(found)


@pytest.mark.parametrize(("test", "prefix"), [(False, "cnp_live_"), (True, "cnp_test_")])
def test_a_generated_key_has_32_random_bytes_and_is_recognised(test: bool, prefix: str) -> None:
    key = keys.generate(test=test)

    assert key.startswith(prefix)
    assert len(base64.urlsafe_b64decode(key.removeprefix(prefix) + "=")) == 32
    assert keys.find_client_key(key) == key
    assert keys.generate() != keys.generate()

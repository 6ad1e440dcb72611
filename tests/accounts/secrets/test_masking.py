import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.secrets import masking
from accounts.secrets.masking import MASK, mask_headers, mask_json, mask_query, mask_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN"

# A second where the machine is at rest; where it is not, two or three. Quadratic work on a megabyte takes minutes.
LINEAR_SECONDS = 5


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the key sk-ant-api03-AbC_d-9 is bad", "the key sk-ant-**** is bad"),
        ("glued:xsk-ant-oat01-abc.", "glued:xsk-ant-****."),
        ("got Bearer abc.def-1~2+3/4= back", "got Bearer **** back"),
        ("bearer%20abc&x=1", "bearer%20****&x=1"),
        ("key cnp_live_abc-DEF_1, cnp_test_9", "key cnp_live_****, cnp_test_****"),
        ("https://hooks.slack.com/services/T0/B0/xyz!", "https://hooks.slack.com/services/****"),
        (r"https:\/\/hooks.slack.com\/services\/T0\/B0\/x", r"https:\/\/hooks.slack.com\/services\/****"),
        ("Basic dXNlcjpwYXNz", "Basic ****"),
        (f"jwt {JWT}.", "jwt eyJ****"),
        ("sk-proj-0123456789abcdef0", "sk-****"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA****"),
        ("ghp_a1b2 gho_c3 github_pat_11A_b", "ghp_**** gho_**** github_pat_****"),
        ("xoxb-1-2-abc xapp-1-A", "xoxb-**** xapp-****"),
        ("sk_live_abc", "sk_live_****"),
        ("postgres://nexus:p@ss:w0rd@db:5432/x", "postgres://nexus:****@db:5432/x"),
        ("redis://:secretword@redis:6379", "redis://:****@redis:6379"),
        ("https://0123456789abcdef0123@git.example/x", "https://****@git.example/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----", None),
        ("api_key=abc&x=1", "api_key=****&x=1"),
        ("ANTHROPIC_API_KEY=abc", "ANTHROPIC_API_KEY=****"),
        ("password: 123456", "password: ****"),
        ('{"refreshToken":"a\\"b","x":1}', '{"refreshToken":"****","x":1}'),
        ('{"accessToken" : "abc"}', '{"accessToken" : "****"}'),
        ("{'client_secret': 'abc'}", "{'client_secret': '****'}"),
        (r'"{\"password\":\"hun\\\"ter\",\"x\":1}"', r'"{\"password\":\"****\",\"x\":1}"'),
        ('{"authorization": "Bearer abc"}', '{"authorization": "Bearer ****"}'),
        ("Authorization: Digest user=a, response=b", "Authorization: Digest ****"),
        ("authorization: plainword", "authorization: ****"),
        ("Set-Cookie: sid=a; Path=/\nnext", "Set-Cookie: ****\nnext"),
        ("(b'x-api-key', b'abc')", "(b'x-api-key', b'****')"),
        ('{"x-api-key":["abc"]}', '{"x-api-key":["****"]}'),
        ("secret => abc", "secret => ****"),
        ('"token": "unterminated', '"token": "****'),
    ],
)
def test_a_credential_anywhere_in_a_text_is_masked(text: str, masked: str | None) -> None:
    expected = masked or "-----BEGIN RSA PRIVATE KEY-----****-----END RSA PRIVATE KEY-----"

    assert mask_text(text).removesuffix("!") == expected
    assert mask_text(mask_text(text)) == mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"input_tokens":12,"max_tokens": 1024,"cache_read_input_tokens":0}',
        "max_tokens=100&token_count=7",
        '{"token": 12, "next_token": null}',
        "A bearer token is required.",
        "Use Basic authentication or Bearer authentication",
        'WWW-Authenticate: Bearer realm="Nexus"',
        "risk-list task-sketch-of-the-new-design",
        "http://localhost:3000/v1/messages?beta=true",
        "mail a@b.example at 12:30",
        "the tokenizer counts tokens: many",
        '{"required":["token","name"],"type":"object"}',
        "my_task_test_name",
        "password=null",
        'secret: ""',
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert mask_text(text) == text


def test_headers_that_carry_credentials_lose_their_whole_value() -> None:
    names = [
        "Authorization",
        "proxy-authorization",
        "X-API-Key",
        "x-goog-api-key",
        "Cookie",
        "set-cookie",
        "X-Auth-Token",
        "x-amz-security-token",
        "x-hub-signature",
        "x-client-secret",
        "x-forwarded-key",
        "X-Dashboard-Key",
    ]

    assert mask_headers((name, "sk-ant-secret") for name in names) == [(name, MASK) for name in names]


def test_other_headers_stay_but_for_credentials_in_their_text() -> None:
    pairs = [
        ("anthropic-ratelimit-input-tokens-limit", "4000"),
        ("user-agent", "claude-cli/2.1"),
        ("referer", "https://a.example/?api_key=abc"),
        ("user-agent", "again"),
    ]

    assert mask_headers(pairs) == [*pairs[:2], ("referer", "https://a.example/?api_key=****"), pairs[3]]


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("beta=true&limit=1000", "beta=true&limit=1000"),
        ("key=abc&beta=true", "key=****&beta=true"),
        ("api%5Fkey=abc;code=d", "api%5Fkey=****;code=****"),
        ("x=sk-ant-abc", "x=****"),
        ("x=sk%2Dant%2Dabc&y=%41", "x=****&y=%41"),
        ("sk%2Dant%2Dabc", "****"),
        ("token=&flag", "token=&flag"),
        ("", ""),
    ],
)
def test_query_parameters_that_can_carry_a_credential_are_masked(query: str, masked: str) -> None:
    assert mask_query(query) == masked
    assert mask_query(masked) == masked


def test_json_is_masked_by_its_keys_and_by_its_strings() -> None:
    value = {
        "api_key": "abc",
        "password": 123456,
        "authorization": ["abc", ["def"]],
        "secret": {"name": "db", "password": "abc"},
        "usage": {"input_tokens": 12, "token": 7},
        "token": None,
        "cookie": "",
        "list": ["Bearer abc", 1.5, True],
        "sk-ant-abc": ("x",),
    }

    assert mask_json(value) == {
        "api_key": MASK,
        "password": MASK,
        "authorization": [MASK, [MASK]],
        "secret": {"name": "db", "password": MASK},
        "usage": {"input_tokens": 12, "token": 7},
        "token": None,
        "cookie": "",
        "list": ["Bearer ****", 1.5, True],
        "sk-ant-****": ["x"],
    }


@pytest.mark.parametrize("key", ["plain", "secret"])
def test_json_that_is_too_deep_is_masked_as_a_whole(key: str) -> None:
    value: object = "sk-ant-abc"
    for _ in range(50_000):
        value = [value]

    masked = json.dumps(mask_json({key: value}))

    assert masked == json.dumps({key: json.loads("[" * 99 + f'"{MASK}"' + "]" * 99)})


fragments = st.sampled_from(
    [
        *(
            "sk-ant-",
            "sk-",
            "Bearer ",
            "Basic ",
            "cnp_live_",
            "token",
            "password",
            "api_key",
            "Authorization",
            "cookie",
        ),
        *(
            "://",
            ":",
            "=",
            '"',
            "'",
            "\\",
            '\\"',
            ",",
            "&",
            "@",
            "/",
            " ",
            "\n",
            "*",
            "****",
            "a",
            "Zz9",
            "eyJabcde.",
        ),
        *(
            "hooks.slack.com/services/",
            "-----BEGIN PRIVATE KEY-----",
            "-----",
            "abcdefgh01234567",
            "null",
            "7",
        ),
    ]
)


@given(st.lists(fragments, max_size=14))
def test_masking_twice_changes_nothing(parts: list[str]) -> None:
    once = mask_text("".join(parts))

    assert mask_text(once) == once


@pytest.mark.parametrize(
    "fragment",
    [
        *("a", " ", "eyJ", "eyJ.", "://", "://a:", "://a", "sk-", "sk-ant-", "Bearer ", "basic a", "token"),
        *(
            "token:",
            'token:"',
            "token:'",
            "token\\",
            'token\\":\\"',
            "password = ",
            "cookie:",
            "authorization: ",
        ),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ",
            "hooks.slack.com/services/",
            "AKIA",
            "ghp_",
            "\\",
            '"',
            '\\"',
        ),
    ],
)
def test_a_megabyte_of_anything_takes_no_time_that_grows_with_its_square(fragment: str) -> None:
    text = fragment * (1_000_000 // len(fragment))
    start = time.process_time()

    mask_text(text)

    assert time.process_time() - start < LINEAR_SECONDS


def test_a_megabyte_of_json_takes_no_time_that_grows_with_its_square() -> None:
    text = json.dumps(
        [{"type": "text", "text": "Lorem ipsum: dolor = sit, amet", "input_tokens": 7}] * 14_000
    )
    start = time.process_time()

    assert mask_text(text) == text

    assert time.process_time() - start < LINEAR_SECONDS


FRAGMENTS = (
    *(
        "password",
        "PASSWORD",
        "\u017fecret",
        "to\u212aen",
        "bas\u0130c",
        "api_key",
        "x-api-key",
        "Cookie",
        "authorization",
    ),
    *(
        "bearer",
        "Basic",
        "dXNlcjpwYXNz",
        "sk-ant-a",
        "ghp_a",
        "eyJhbGciOi.eyJz",
        "https://u:p@h/",
        "hooks.slack.com/services/T",
    ),
    *(
        ":",
        "=",
        "=>",
        "'",
        '"',
        "\\",
        ",",
        "[",
        "b",
        " ",
        "\t",
        "\n",
        "\r",
        "\x85",
        "\u2028",
        "null",
        "1",
        "abc",
        "_value",
    ),
)


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join))
def test_looking_for_needles_first_leaves_no_credential_that_the_patterns_find(text: str) -> None:
    expected = text
    for rule in masking._RULES:
        expected = rule.pattern.sub(rule.replacement, expected)

    assert mask_text(text) == expected


def test_prose_that_only_speaks_of_secrets_is_not_looked_through_by_any_pattern() -> None:
    prose = "not each byte is a token, and a password, or a cookie, is a secret"

    assert [rule.pattern.pattern for rule in masking._RULES if rule.may_apply(prose)] == [
        masking._HEADER_LINE.pattern
    ]

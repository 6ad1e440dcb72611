import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.credentials import files as credential_files
from accounts.credentials.files import BadCredentialFile, FileSlack, domain_of, locked, read, write_tokens

END = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
API_KEY = {"type": "api_key", "api_key": " sk-ant-api03-x "}
OAUTH = {
    "type": "oauth",
    "accountId": "acc_1",
    "oauth": {
        "accessToken": "sk-ant-oat01-x",
        "refreshToken": "sk-ant-ort01-x",
        "expiresAt": 1_893_553_445_678,
        "scopes": ["user:inference"],
        "isMax": True,
        "future": [1],
    },
    "client_api_key": "cnp_live_x",
    "slack": {"webhook_url": "https://hooks.slack.com/services/x", "channel": "#a", "enabled": False},
    "unknown": {"ü": [1, 2]},
}


def written(folder: Path, content: object, name: str = "a.example.credentials.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    path.chmod(0o600)
    return path


def problem(path: Path) -> str:
    with pytest.raises(BadCredentialFile) as caught:
        read(path)
    return str(caught.value)


def test_an_api_key_file(tmp_path: Path) -> None:
    file = read(written(tmp_path, "\ufeff" + json.dumps(API_KEY)))

    assert (file.kind, file.api_key, file.expires_at, file.slack) == ("api_key", "sk-ant-api03-x", None, None)


def test_an_oauth_file_with_all_that_the_predecessor_wrote(tmp_path: Path) -> None:
    file = read(written(tmp_path, OAUTH))

    assert (file.kind, file.account_id, file.client_api_key) == ("oauth", "acc_1", "cnp_live_x")
    assert (file.access_token, file.refresh_token, file.expires_at) == (
        "sk-ant-oat01-x",
        "sk-ant-ort01-x",
        END,
    )
    assert (file.scopes, file.is_max) == (("user:inference",), True)
    assert file.slack == FileSlack("https://hooks.slack.com/services/x", "#a", "", "", enabled=False)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is not JSON"),
        ('{"type": "api_key", "api_key": "sk-ant', "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ({}, '"type" must be'),
        ({"type": "bedrock"}, '"type" must be'),
        ({"type": 1}, '"type" must be a string'),
        ({"type": "api_key"}, '"api_key" is missing'),
        ({"type": "api_key", "api_key": " "}, '"api_key" is missing'),
        ({"type": "oauth"}, '"oauth" needs'),
        ({"type": "oauth", "oauth": "sk-ant-oat01-x"}, '"oauth" needs'),
        ({"type": "oauth", "oauth": {"accessToken": 5}}, '"accessToken" must be a string'),
        ({"type": "oauth", "oauth": {"accessToken": "x", "expiresAt": "soon"}}, '"expiresAt" must count'),
        ({"type": "oauth", "oauth": {"accessToken": "x", "expiresAt": 10**400}}, '"expiresAt" must count'),
        ('{"type": "oauth", "oauth": {"accessToken": "x", "expiresAt": NaN}}', '"expiresAt" must count'),
        (" " * credential_files.MAX_BYTES + "{}", "it is larger than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_mend(tmp_path: Path, content: object, why: str) -> None:
    assert why in problem(written(tmp_path, content))


def test_a_file_in_another_encoding_does_not_show_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.example.credentials.json"
    path.write_bytes(b'{"api_key": "secret\xff"}')

    assert problem(path) == "it is not JSON in UTF-8"


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "folder.credentials.json").mkdir()
    os.mkfifo(tmp_path / "pipe.credentials.json")

    assert problem(tmp_path / "folder.credentials.json") == "it is not a regular file"
    assert problem(tmp_path / "pipe.credentials.json") == "it is not a regular file"
    assert problem(tmp_path / "gone.credentials.json") == "it cannot be read (No such file or directory)"


def test_a_link_may_lead_within_the_folder_and_not_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    (folder / "..data").mkdir(parents=True)
    written(folder / "..data", API_KEY)
    written(tmp_path, API_KEY, "outside.json")
    inside, outside = folder / "a.credentials.json", folder / "b.credentials.json"
    inside.symlink_to("..data/a.example.credentials.json")
    outside.symlink_to("../outside.json")

    assert read(inside).api_key == "sk-ant-api03-x"
    assert problem(outside) == "it is a link that leads out of its folder"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["api_key", "oauth"]), "api_key": st.just("x") | JSON},
        optional={
            "oauth": JSON
            | st.fixed_dictionaries(
                {"accessToken": st.just("x")}, optional={"expiresAt": JSON, "scopes": JSON}
            ),
            "slack": JSON | st.fixed_dictionaries({"webhook_url": JSON, "enabled": JSON}),
            "accountId": JSON,
        },
    )
)
def test_any_json_is_a_credential_or_has_a_named_problem(
    tmp_path_factory: pytest.TempPathFactory, content: object
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        file = read(path)
    except BadCredentialFile:
        return
    assert file.api_key or file.access_token


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("a.example.credentials.json", "a.example"),
        ("LOCALHOST:3000.credentials.json", "localhost:3000"),
        ("[0::1]:80.credentials.json", "[::1]:80"),
        ("münchen.example.credentials.json", "xn--mnchen-3ya.example"),
        ("a.example.json", None),
        (".credentials.json", None),
        ("..credentials.json", None),
        ("...credentials.json", None),
        ("a..b.credentials.json", None),
        ("a\\b.credentials.json", None),
        ("\udcff.credentials.json", None),
        ("_wildcard.*.credentials.json", None),
    ],
)
def test_a_files_name_is_its_domain_or_nothing(name: str, domain: str | None) -> None:
    assert domain_of(Path("/credentials") / name) == domain


def refresh(path: Path) -> None:
    write_tokens(path, "new-access", "new-refresh", END, ["a", "b"])


def test_a_write_back_keeps_what_it_does_not_know_and_is_private(tmp_path: Path) -> None:
    path = written(tmp_path, OAUTH)
    path.chmod(0o644)

    refresh(path)

    tokens = {"accessToken": "new-access", "refreshToken": "new-refresh", "scopes": ["a", "b"]}
    assert json.loads(path.read_text()) == {**OAUTH, "oauth": {**OAUTH["oauth"], **tokens}}  # type: ignore[dict-item]  # an object
    assert path.read_text().startswith('{\n  "type": "oauth",\n')
    assert "ü" in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_back_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    path = written(tmp_path, OAUTH, "real.json")
    symlink = tmp_path / "a.credentials.json"
    symlink.symlink_to("real.json")

    refresh(symlink)

    assert symlink.is_symlink()
    assert read(symlink).access_token == "new-access"
    assert json.loads(path.read_text())["unknown"] == OAUTH["unknown"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_predecessor_defect_30_a_write_that_fails_half_way_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = written(tmp_path, OAUTH)
    before = path.read_bytes()

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(OSError, match="No space left"):
        refresh(path)

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_readers_never_see_half_a_file_while_it_is_written(tmp_path: Path) -> None:
    path = written(tmp_path, OAUTH)

    def write() -> None:
        for _ in range(50):
            refresh(path)

    writer = threading.Thread(target=write)
    writer.start()

    seen = set()
    while writer.is_alive():
        seen.add(read(path).access_token)
    writer.join()

    assert seen <= {"sk-ant-oat01-x", "new-access"}
    assert read(path).access_token == "new-access"


def test_the_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    path = written(tmp_path, OAUTH)
    entered = threading.Event()

    def enter() -> None:
        with locked(path):
            entered.set()

    with locked(path):
        other = threading.Thread(target=enter)
        other.start()
        assert not entered.wait(0.2)
    other.join(5)
    assert entered.is_set()

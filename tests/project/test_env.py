import os
import subprocess
import sys
from pathlib import Path

import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR, SettingError

NAME = "NEXUS_TEST_VALUE"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A copy, so that no test changes what the others and their processes see."""
    copy = dict(os.environ)  # noqa: TID251 - the copy that stands for it
    monkeypatch.setattr(env, "_environment", copy)
    monkeypatch.setattr(env, "DOCUMENTED", {})
    return copy


def given(environment: dict[str, str], value: str) -> None:
    environment[NAME] = value


@pytest.mark.parametrize(("value", "read"), [(" a b ", "a b"), ("", "default"), ("  ", "default")])
def test_a_text_is_stripped_and_an_empty_one_counts_as_not_set(
    environment: dict[str, str], value: str, read: str
) -> None:
    given(environment, value)

    assert env.text(NAME, "default") == env.secret(NAME, "default") == read
    assert env.DOCUMENTED == {NAME: "default"}


@pytest.mark.parametrize(
    ("value", "read"),
    [("true", True), ("1", True), ("YES", True), ("on", True), ("false", False), ("0", False), ("no", False), (" Off ", False)],
)  # fmt: skip
def test_booleans(environment: dict[str, str], value: str, read: bool) -> None:
    given(environment, value)

    assert env.boolean(NAME, default=None) is env.flag(NAME, default=not read) is read


def test_absent_values_are_the_defaults() -> None:
    assert env.boolean(NAME, default=None) is None
    assert env.flag(NAME, default=True)
    assert env.integer(NAME, 7) == 7
    assert env.words(NAME) == env.secrets(NAME) == env.networks(NAME) == env.origins(NAME) == []
    assert env.url(NAME) == env.file(NAME) == ""
    assert env.choice(NAME, "a", ["a"]) == "a"
    assert env.folder(NAME, "var") == BASE_DIR / "var"


def test_values_that_are_allowed(environment: dict[str, str], tmp_path: Path) -> None:
    given(environment, "a, b,,")
    assert env.words(NAME) == env.secrets(NAME) == ["a", "b"]
    given(environment, "10.0.0.0/8, ::1")
    assert [str(network) for network in env.networks(NAME)] == ["10.0.0.0/8", "::1/128"]
    given(environment, "http://localhost:3001,https://[::1]:1,vscode-webview://a-b.c")
    assert len(env.origins(NAME)) == 3
    given(environment, " 5 ")
    assert env.integer(NAME, 1, minimum=5, maximum=5) == 5
    given(environment, "WARNING")
    assert env.choice(NAME, "info", ["warning"]) == "warning"
    given(environment, "Asia/Kathmandu")
    assert env.time_zone(NAME, "UTC") == "Asia/Kathmandu"
    given(environment, "https://user:pass@api.example/path/")
    assert env.url(NAME) == "https://user:pass@api.example/path"
    given(environment, "~/a")
    assert env.folder(NAME, "var") == Path("~/a").expanduser()
    given(environment, str(tmp_path))
    assert env.folder(NAME, "var") == tmp_path
    assert env.file(NAME) == str(tmp_path)


REFUSED = [
    (lambda: env.boolean(NAME), "maybe", "is not a boolean; set it to true or false"),
    (lambda: env.integer(NAME, 1, minimum=1, maximum=9), "0", "a whole number from 1 to 9"),
    (lambda: env.integer(NAME, 1, minimum=1, maximum=9), "10", "a whole number from 1 to 9"),
    (lambda: env.integer(NAME, 1), "1.5", "a whole number from 0 to"),
    (lambda: env.choice(NAME, "a", ["a", "b"]), "c", "set it to one of: a, b"),
    (lambda: env.networks(NAME), "10.0.0.1/8", "10.0.0.1/8 has host bits set; list addresses or networks"),
    (lambda: env.networks(NAME), "proxy", "list addresses or networks such as 10.0.0.0/8"),
    (lambda: env.origins(NAME), "*", "list origins such as https://app.example.com"),
    (lambda: env.origins(NAME), "https://a.example/", "list origins such as"),
    (lambda: env.time_zone(NAME, "UTC"), "Mars/Olympus", "is no time zone; set it to a name such as"),
    (lambda: env.time_zone(NAME, "UTC"), "../etc/passwd", "is no time zone; set it to a name such as"),
    (lambda: env.folder(NAME, "var"), "~nobody-has-this-name/a", "set it to a folder's path"),
    (lambda: env.file(NAME), "/none/ca.pem", "cannot be read; name a readable file"),
]


@pytest.mark.parametrize(("reader", "value", "says"), REFUSED)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(
    environment: dict[str, str], reader: object, value: str, says: str
) -> None:
    given(environment, value)

    with pytest.raises(SettingError) as caught:
        reader()  # type: ignore[operator]  # a lambda of the list above

    assert NAME in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "value", ["ftp://marker@host", "marker", "http://", "http://marker:99999", "http://marker:x", "http://[marker", "http://a:0/marker"]
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_never_shown(environment: dict[str, str], value: str) -> None:
    given(environment, value)

    with pytest.raises(
        SettingError, match=f"{NAME} is not a usable address; set it to a URL such as"
    ) as caught:
        env.url(NAME)

    assert "marker" not in str(caught.value)


def test_a_secret_may_come_from_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    environment |= {NAME: "from the environment", f"{NAME}_FILE": str(tmp_path / "secret")}

    assert env.secret(NAME) == "from the file"


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"marker\xff", "not UTF-8"), (b"marker\nmarker", "line break"), (b"mar\x00ker", "control character")],
)
def test_a_secret_that_cannot_be_used_is_never_shown(
    environment: dict[str, str], tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "secret").write_bytes(content)
    environment[f"{NAME}_FILE"] = str(tmp_path / "secret")

    with pytest.raises(SettingError, match=says) as caught:
        env.secret(NAME)

    assert NAME in str(caught.value)
    assert "marker" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_secrets_file_that_is_missing_is_named(environment: dict[str, str]) -> None:
    environment[f"{NAME}_FILE"] = "/none"

    with pytest.raises(SettingError, match=rf"{NAME}_FILE=/none cannot be read \(No such file"):
        env.secret(NAME)


def test_the_environment_overrides_the_env_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# c\n\nGIVEN=file\nEMPTY=file\n  export OTHER=file  \nGIVEN_FILE=/none\nMORE_FILE=/some\n"
    )
    names = ["GIVEN", "EMPTY", "OTHER", "GIVEN_FILE", "MORE_FILE"]
    code = f"from nexus_project import env; env.read_env_file(); print([env.text(name) for name in {names}])"

    done = run(code, NEXUS_ENV_FILE=str(path), GIVEN="environment", EMPTY="")

    assert done.stdout == "['environment', '', 'file', '', '/some']\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"A=1\nmarker\n", "line 2 is not of the form NAME=value"),
        (b"A = marker\n", "line 1 is not of the form NAME=value"),
        (b"A=marker\xff\n", "is not UTF-8"),
    ],
)
def test_a_broken_env_file_is_refused_without_its_content(
    environment: dict[str, str], tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    environment["NEXUS_ENV_FILE"] = str(tmp_path / ".env")

    with pytest.raises(SettingError, match=says) as caught:
        env.read_env_file()

    assert "marker" not in str(caught.value)


def test_a_named_env_file_must_exist(environment: dict[str, str], tmp_path: Path) -> None:
    environment["NEXUS_ENV_FILE"] = str(tmp_path / "none")

    with pytest.raises(SettingError, match="none cannot be read"):
        env.read_env_file()


def test_without_an_env_file_the_environment_is_enough(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.pop("NEXUS_ENV_FILE", None)
    monkeypatch.setattr(env, "BASE_DIR", tmp_path)
    before = dict(environment)

    env.read_env_file()

    assert environment == before


def test_names_can_be_assumed_exported_and_handed_on(environment: dict[str, str]) -> None:
    env.export(**{NAME: "exported"})
    env.assume(**{NAME: "assumed", "NEXUS_TEST_OTHER": "assumed"})

    child = env.child_environment({"NEXUS_TEST_EXTRA": "extra"})

    assert (child[NAME], child["NEXUS_TEST_OTHER"], child["NEXUS_TEST_EXTRA"]) == (
        "exported",
        "assumed",
        "extra",
    )


def run(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in a process that has these settings and no others."""
    coverage = {name: value for name, value in env.child_environment({}).items() if name.startswith("COV")}
    variables = {"PATH": os.defpath, "NEXUS_ENV_FILE": os.devnull, **coverage, **settings}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=variables, cwd=BASE_DIR, capture_output=True, text=True, check=False)


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    """Load the proxy's settings."""
    code = "from nexus_project import env; env.use_settings('nexus_project.settings.proxy'); print('started')"
    return run(code, **settings)


def test_good_settings_start() -> None:
    assert start().stdout == "started\n"
    assert start(HOST="0.0.0.0", ENABLE_CLIENT_AUTH="true").stdout == "started\n"  # noqa: S104 - what is tested


@pytest.mark.parametrize("module", ["", " "])
def test_an_empty_settings_module_counts_as_not_set(module: str) -> None:
    assert start(DJANGO_SETTINGS_MODULE=module).stdout == "started\n"


def test_another_settings_module_is_the_environments_choice() -> None:
    stopped = start(DJANGO_SETTINGS_MODULE="nexus_project.settings.dashboard")

    assert stopped.stderr.startswith(
        "nexus: SECRET_KEY is not set, and dashboard, worker and commands need it"
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"PROXY_PORT": "70000"}, "nexus: PROXY_PORT=70000 is not allowed; set it to a whole number from 1 to 65535.\n"),
        ({"HOST": "0.0.0.0"}, "nexus: HOST=0.0.0.0 can be reached by others, so ENABLE_CLIENT_AUTH must be set"),  # noqa: S104
        ({"FIELD_ENCRYPTION_KEYS": "marker"}, "nexus: FIELD_ENCRYPTION_KEYS holds a value that is no Fernet key; make one"),
        ({"DATABASE_URL": "postgres://a:marker@b/c"}, "nexus: FIELD_ENCRYPTION_KEYS is not set, and the database"),
        ({"DATABASE_URL": "mysql://marker@b/c"}, "nexus: DATABASE_URL is not a usable address; set it to a URL such as postgres://"),
    ],
)  # fmt: skip
def test_a_wrong_value_stops_the_start_with_one_sentence(settings: dict[str, str], says: str) -> None:
    stopped = start(**settings)

    assert stopped.returncode == 1
    assert stopped.stderr.startswith(says)
    assert stopped.stderr.count("\n") == 1
    assert "marker" not in stopped.stderr

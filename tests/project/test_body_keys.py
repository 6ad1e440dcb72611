import base64
import subprocess
import sys

import pytest

from nexus_project import env
from nexus_project.settings import store

KEYS = [bytes(range(32)), b"\xff" * 32]
TEXTS = [base64.b64encode(key).decode() for key in KEYS]


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    monkeypatch.setattr(env, "_environment", values)


def test_body_keys_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, BODY_ENCRYPTION_KEYS=", ".join(TEXTS))

    assert store.body_keys() == KEYS


@pytest.mark.parametrize("bad", ["marker", f"{TEXTS[0]},märker", TEXTS[0][:-4], TEXTS[0] + "AAAA"])
def test_a_body_key_of_another_form_stops_the_start_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    given(monkeypatch, BODY_ENCRYPTION_KEYS=bad)

    with pytest.raises(
        env.SettingError, match=r"BODY_ENCRYPTION_KEYS holds .*; make one with: python -c"
    ) as caught:
        store.body_keys()

    assert bad not in str(caught.value)


def test_encryption_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch)
    assert store.body_keys() == []

    monkeypatch.setattr(store, "BODY_ENCRYPTION", True)

    with pytest.raises(env.SettingError, match="BODY_ENCRYPTION_KEYS is not set; make one with") as caught:
        store.body_keys()
    command = str(caught.value).partition("make one with: python -c ")[2].strip('"')
    made = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    given(monkeypatch, BODY_ENCRYPTION_KEYS=made)
    assert len(store.body_keys()[0]) == 32

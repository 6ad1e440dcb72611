"""The account that PostgreSQL is started under by root: whether it gets anywhere, and how it is made."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import account
from nexus_project.stack.machine.account import Account

STRANGER = Account(uid=os.geteuid() + 4321, gid=os.getegid() + 4321)
GROUP_MEMBER = Account(uid=os.geteuid() + 4321, gid=os.getegid())
OWNER = Account(uid=os.geteuid(), gid=os.getegid() + 4321)


@pytest.mark.parametrize(
    ("mode", "who", "reached"),
    [
        (0o711, STRANGER, True),
        (0o710, STRANGER, False),
        (0o710, GROUP_MEMBER, True),
        (0o701, GROUP_MEMBER, False),
        (0o700, OWNER, True),
        (0o611, OWNER, False),
    ],
)
def test_one_folder_that_does_not_let_it_pass_is_enough(
    data_dir: Path, mode: int, who: Account, reached: bool
) -> None:
    gate = data_dir / "gate"
    gate.mkdir()
    gate.chmod(mode)

    assert who.reaches(gate / "below") is reached


def test_only_root_drops_to_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert account.dropped() is None


def test_a_system_without_useradd_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "NAME", "nexus-nobody-has-this")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(StackError, match="start as another user, or set DATABASE_URL"):
        account.dropped()


def test_a_useradd_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "useradd"
    program.write_text("#!/bin/sh\necho 'the disk is full' >&2\nexit 12\n")
    program.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "NAME", "nexus-nobody-has-this")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(program))

    with pytest.raises(StackError, match=r"failed \(the disk is full\)"):
        account.dropped()


def test_the_account_is_made_without_a_login_and_found_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "useradd"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\n')
    program.chmod(0o755)
    known = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(program))

    def found_once_made(name: str) -> pwd.struct_passwd:
        if not (tmp_path / "arguments").exists():
            raise KeyError(name)
        return known

    monkeypatch.setattr(pwd, "getpwnam", found_once_made)

    assert account.dropped() == Account(known.pw_uid, known.pw_gid)
    assert "--system" in (tmp_path / "arguments").read_text()
    assert "--shell /usr/sbin/nologin nexus-postgres" in (tmp_path / "arguments").read_text()

"""Every type of credential is known wherever one is read, moved, judged or asked for: a new one needs its line in KINDS."""

from pathlib import Path
from typing import Any

import pytest
from django.forms import modelform_factory
from django.utils import timezone

from accounts.admin.registered import CredentialForm
from accounts.credentials import files, moving
from accounts.credentials.files import BadCredentialFile
from accounts.credentials.health import Health
from accounts.credentials.sealed import SECRETS
from accounts.credentials.state import Secrets, State, judge
from accounts.models import Credential
from accounts.snapshot.credentials import from_file, from_row
from tests.accounts.credentials.test_files import written
from tests.roles import OWNER

# Whoever may run `manage.py` moves credentials.
pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

SECRET = "sk-ant-of-this-kind-1234"
# What stands in its file, with the only secret that is sent, and the header that it is sent in.
KINDS: dict[str, tuple[dict[str, Any], tuple[bytes, bytes]]] = {
    "api_key": ({"api_key": SECRET}, (b"x-api-key", SECRET.encode())),
    "oauth": ({"oauth": {"accessToken": SECRET}}, (b"authorization", f"Bearer {SECRET}".encode())),
}


def test_no_kind_is_missing_here() -> None:
    assert KINDS.keys() == set(Credential.Kind.values)


def imported(kind: str, folder: Path) -> tuple[dict[str, Any], Path, Credential]:
    """The content of a file, the file, and its row."""
    content = {"type": kind, **KINDS[kind][0]}
    path = written(folder, content)
    assert moving.import_file(path, replace=False, dry_run=False).action == "created"
    return content, path, Credential.objects.get()


@pytest.mark.parametrize("kind", KINDS)
def test_its_secret_is_sent_from_a_file_and_from_a_row(kind: str, tmp_path: Path) -> None:
    _, path, row = imported(kind, tmp_path)

    for credential in (from_file(files.read(path)), from_row(row)):
        assert credential.kind == kind
        assert credential.headers() == (KINDS[kind][1],)


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_into_the_database_and_back_and_its_secret_is_kept_once(kind: str, tmp_path: Path) -> None:
    content, _, row = imported(kind, tmp_path)

    assert moving.as_document(row) == content
    assert SECRET not in row.document


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_sees_which_one_it_is_and_that_it_can_be_used(kind: str, tmp_path: Path) -> None:
    _, _, row = imported(kind, tmp_path)
    secrets = Secrets(**{name: getattr(row, name) for name in SECRETS})

    assert row.hint == "…1234"
    assert secrets.shown(kind) == SECRET
    assert judge(row, secrets, Health(), timezone.now()).state is State.VALID


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_secret_no_door_takes_it(kind: str, tmp_path: Path) -> None:
    form = modelform_factory(Credential, form=CredentialForm, fields=("name", "kind", *SECRETS))
    asked = form({"name": "team", "kind": kind}).errors

    assert asked.keys() & {*SECRETS}
    assert judge(Credential(kind=kind), Secrets(), Health(), timezone.now()).state is State.INVALID
    with pytest.raises(BadCredentialFile):
        files.read(written(tmp_path, {"type": kind}))

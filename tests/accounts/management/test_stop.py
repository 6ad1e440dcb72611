"""`manage.py stop`."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Stop
from nexus_project.operations.grants import DASHBOARD
from tests.people import reader

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(DASHBOARD)]
REQUEST = "0193a000-0000-7000-8000-000000000001"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("stop", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_add_list_and_lift() -> None:
    reader("ann", "stop_streams")

    added = run("add", "api.example", "session-1", "--minutes", "15", "--by", "ann")
    row = Stop.objects.get()
    listed, elsewhere = run("list"), run("list", "other.example")
    lifted = run("lift", str(row.pk), "--by", "ann")

    assert added == listed
    assert f"{row.pk}  session session-1 of api.example, stopped by ann until " in listed
    assert elsewhere == "No session is stopped.\n"
    assert lifted == f"{row.pk}  session session-1 of api.example, lifted by ann\n"
    assert run("list") == "No session is stopped.\n"


def test_a_request_as_json() -> None:
    reader("ann", "stop_streams")

    [added] = json.loads(run("add", "api.example", "--request", REQUEST, "--by", "ann", "--json"))["stops"]

    assert (added["request_id"], added["session_id"], added["stopped_by"]) == (REQUEST, None, "ann")
    assert added["lifted_at"] is None
    assert run("lift", str(added["id"]), "--by", "ann").endswith("lifted by ann\n")


@pytest.mark.parametrize("name", ["bo", "nobody"])
def test_who_may_not_stop_is_refused(name: str) -> None:
    reader("bo", "view_figures")

    with pytest.raises(CommandError, match="stop_streams"):
        run("add", "api.example", "session-1", "--by", name)

    assert not Stop.objects.exists()


def test_what_cannot_be_stopped_says_why() -> None:
    reader("ann", "stop_streams")

    with pytest.raises(CommandError, match="7 days"):
        run("add", "api.example", "session-1", "--minutes", "99999", "--by", "ann")
    with pytest.raises(CommandError, match="no stop 7"):
        run("lift", "7", "--by", "ann")

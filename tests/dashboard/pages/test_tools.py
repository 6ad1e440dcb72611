"""The page of tools: sums by tool and server, what leads on from them, files, and clients that ship many schemas."""

import csv
import io
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client

from proxy.conversations.findings.finding import FindingKind
from proxy.store.models import Finding
from tests import people
from tests.dashboard.api.test_tools import READ, count, turn
from tests.dashboard.pages.shown import text
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls() -> None:
    noon = people.hours_ago(3)
    turn(("1", "Bash"), ("2", "Bash"), ("3", READ), at=noon, duration_ms=1000)
    turn(("4", "=Bad"), results={"1": True, "2": False, "3": False}, at=noon + timedelta(minutes=5))
    count()


@pytest.mark.usefixtures("calls")
def test_each_tool_has_its_sums_and_leads_to_its_requests_and_to_slow_findings(signed_in: Client) -> None:
    page = text(signed_in, "/dashboard/tools?period=24h")

    row = page.split('title="Bash"')[1].split("</tr>")[0]
    assert ">2</td>" in row
    assert 'title="1 of 2 results"' in row
    assert "50 %" in row
    assert 'href="/dashboard/requests?period=24h&amp;tool=Bash"' in row
    assert "kind=slow+tool" in row
    servers = page.split('id="servers"')[1]
    assert 'title="files"' in servers
    assert 'aria-current="page"' in page.split(">Tools<")[0].rsplit("<a", 1)[1]


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_its_table_is_a_file(signed_in: Client, form: str) -> None:
    response = signed_in.get(f"/dashboard/tools?format={form}")
    content = response.content.decode()

    assert f"tools.{form}" in response.headers["Content-Disposition"]
    if form == "csv":
        rows = {row["tool"]: row for row in csv.DictReader(io.StringIO(content))}
        assert (rows["Bash"]["calls"], rows["Bash"]["resultErrors"], rows["Bash"]["meanMs"]) == (
            "2",
            "1",
            "299000.0",
        )
        assert "'=Bad" in rows
    else:
        assert len(content.splitlines()) == 3


def test_without_any_it_says_so(signed_in: Client) -> None:
    assert "No traffic yet" in text(signed_in, "/dashboard/tools")


@pytest.mark.usefixtures("calls")
def test_what_it_cannot_be_filtered_by_is_a_notice(signed_in: Client) -> None:
    assert "cannot be filtered by it" in text(signed_in, "/dashboard/tools?model=m")


@as_owner()
def shipped(number: int, client_key: str) -> None:
    row = people.make_exchange(client_key=client_key)
    Finding.objects.create(
        id=row.id,
        place=0,
        kind=FindingKind.TOOL_SCHEMAS,
        conversation=UUID(int=number),
        domain=row.domain,
        turns=[row.id],
        sentence=f"ships {number} tokens of schemas",
    )


def test_clients_that_ship_many_schemas_are_listed_by_their_key(signed_in: Client) -> None:
    for number, key in enumerate(["alice", "bob", "alice"]):
        shipped(number, key)
    page = text(signed_in, "/dashboard/tools")
    [alice, bob] = page.split('id="schemas"')[1].split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]

    assert "alice" in alice
    assert ">2</td>" in alice
    assert "ships 2 tokens" in alice
    assert "bob" in bob
    assert f"/dashboard/session/{UUID(int=1)}" in bob


@pytest.mark.usefixtures("calls")
def test_secrets_in_names_are_masked_and_filter_nothing(signed_in: Client) -> None:
    turn(("9", "sk-ant-api03-SECRETSECRET"))
    count()

    assert "SECRETSECRET" not in text(signed_in, "/dashboard/tools")

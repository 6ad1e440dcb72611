"""Wildcards through a real proxy."""

import json
from collections.abc import Iterator

import pytest

from tests.flow import wire
from tests.flow.access.test_who_pays import add_domain, paid
from tests.flow.conftest import OPERATOR_KEY, Nexus
from tests.flow.services import wait_for


@pytest.fixture
def _wildcards(nexus: Nexus) -> Iterator[None]:
    add_domain(nexus, "*.wild.example", "sk-ant-api03-wild")
    path = nexus.data_dir / "credentials" / "_wildcard.deep.wild.example.credentials.json"
    path.write_text(json.dumps({"type": "api_key", "api_key": "sk-ant-api03-deep"}))
    yield
    path.unlink()
    own = "(SELECT id FROM accounts_domain WHERE name = '*.wild.example')"
    nexus.execute(f"DELETE FROM accounts_credential WHERE domain_id = {own}")  # noqa: S608 - a constant
    nexus.execute("DELETE FROM accounts_domain WHERE name = '*.wild.example'")


@pytest.mark.usefixtures("_wildcards")
def test_the_closest_wildcard_pays_and_the_record_keeps_the_host_that_was_called(nexus: Nexus) -> None:
    wait_for(lambda: paid(nexus, "a.deep.wild.example")[1] == "sk-ant-api03-deep", 2.5)
    wait_for(lambda: paid(nexus, "b.a.wild.example:3000")[1] == "sk-ant-api03-wild", 2.5)

    assert paid(nexus, "wild.example") == (200, OPERATOR_KEY)
    assert paid(nexus, "*.wild.example") == (400, None)
    response = wire.send(nexus.url, wire.request_bytes("GET", "/v1/models", [], host="B.a.wild.example:3000"))
    row = nexus.stored(response.value("x-nexus-id"))
    assert (row["domain"], row["paid_by"]) == ("b.a.wild.example", "database:acc_main")

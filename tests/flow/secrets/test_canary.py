"""The canary: unique secrets go into every slot that can carry a credential, and must then be found nowhere.

First it proves, with a harmless marker on the same ways, that it would find something in each of the places.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest

from nexus_project import env
from nexus_project.demo import slack
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.script import Script
from nexus_project.demo.serving import Running
from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from tests.flow import haystack, wire
from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for

# The first test waits for all the places to be filled.
pytestmark = pytest.mark.timeout(300)

MARKER = f"harmless{uuid4().hex[:12]}"
DASHBOARD_KEY = f"dashkey{uuid4().hex}"


def fresh(shape: str) -> str:
    return shape.format(f"canary{uuid4().hex}")


HEADERS = {
    "authorization": fresh("Bearer sk-ant-api03-{}"),
    "x-api-key": fresh("sk-ant-api03-{}"),
    "proxy-authorization": fresh("Basic {}"),
    "cookie": fresh("session={}"),
    "x-auth-token": fresh("{}"),
    "x-goog-api-key": fresh("{}"),
    "x-amz-security-token": fresh("{}"),
    "x-client-secret": fresh("{}"),
    "x-note": fresh("my key is sk-ant-api03-{} so"),
    "x-dashboard-key": fresh("{}"),
}
QUERY = {
    name: fresh("{}")
    for name in ("api_key", "access_token", "token", "key", "secret", "password", "x-api-key", "auth")
}
RESPONSE_HEADERS = {"set-cookie": fresh("session={}"), "x-session-token": fresh("{}")}
IN_TEXT = [fresh("sk-ant-api03-{}"), fresh("Bearer {}"), fresh("ghp_{}"), fresh("cnp_live_{}")]
OPERATOR = {
    "CLAUDE_API_KEY": fresh("sk-ant-api03-{}"),
    "SECRET_KEY": fresh("secret-key-{}" + "x" * 40),
    "DASHBOARD_API_KEY": DASHBOARD_KEY,
}
# No provider answers there: what a browser brings back from it is a canary too.
PROVIDER = {
    "OIDC_ISSUER": "http://127.0.0.1:1",
    "OIDC_CLIENT_ID": "nexus",
    "OIDC_CLIENT_SECRET": fresh("{}"),
}
SIGN_IN = {"code": fresh("{}"), "state": fresh("{}")}
INVITATION = fresh("cnp_invite_{}")
FILE_KEY, CLIENT_KEY = fresh("sk-ant-api03-{}"), fresh("cnp_live_{}")
DEAD_TOKEN = fresh("{}")  # of no shape that the token endpoint takes


def bare(value: str) -> str:
    """The unique part, so that no masking by shape can hide a find."""
    return value[value.index("canary") :].split(" ")[0][:38]


OUTSIDE_BODIES = [
    bare(value)
    for value in [
        *HEADERS.values(),
        *QUERY.values(),
        *RESPONSE_HEADERS.values(),
        *list(OPERATOR.values())[:2],
    ]
]
OUTSIDE_BODIES += [bare(value) for value in (PROVIDER["OIDC_CLIENT_SECRET"], *SIGN_IN.values(), INVITATION)]
OUTSIDE_BODIES += [DASHBOARD_KEY, bare(FILE_KEY), bare(CLIENT_KEY), bare(DEAD_TOKEN)]
WITHIN_TEXT = [bare(value) for value in IN_TEXT]


@dataclass
class Places:
    """Everything that was written anywhere, by the name of the place."""

    stores: dict[str, bytes] = field(default_factory=dict)
    shown: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture(scope="module")
def places(make_nexus: Callable[..., Nexus], emulator: Running[Emulator]) -> Iterator[Places]:
    with slack.serve() as running:
        yield _drive(make_nexus, running, f"{emulator.url}/v1/oauth/token")


def _drive(make_nexus: Callable[..., Nexus], running: slack.RunningSlack, token_url: str) -> Places:
    nexus = make_nexus(
        DEBUG="true",
        CLAUDE_OAUTH_TOKEN_URL=token_url,
        SLACK_WEBHOOK_URL=running.webhook_url,
        SLACK_CA_FILE=str(running.ca_file),
        SLACK_ALLOW_PRIVATE_ADDRESSES="true",
        TELEMETRY_ENDPOINT=running.webhook_url.replace("https", "http"),
        **OPERATOR,
        **PROVIDER,
    )
    guarded = {"type": "api_key", "accountId": MARKER, "api_key": FILE_KEY, "client_api_key": CLIENT_KEY}
    (nexus.data_dir / "credentials" / "guarded.example.credentials.json").write_text(json.dumps(guarded))
    dead = {"type": "oauth", "oauth": {"refreshToken": DEAD_TOKEN, "expiresAt": 1000}}
    (nexus.data_dir / "credentials" / "dead.example.credentials.json").write_text(json.dumps(dead))
    guarded_request = wire.request_bytes("GET", "/v1/models", [], host="guarded.example")
    wait_for(lambda: wire.send(nexus.url, guarded_request).status == 401)
    # Nothing may be under way: only four batches wait in Redis, and the secrets have to be among them.
    nexus.stored(wire.send(nexus.url, guarded_request).value("x-nexus-id"))
    found = Places()
    nexus.worker.kill()
    ids = _send(nexus)
    redis_url = nexus.proxy.environment["REDIS_URL"]
    wait_for(lambda: haystack.holds(haystack.redis_store(redis_url), MARKER), 20)
    found.stores["redis"] = haystack.redis_store(redis_url)
    found.stores["spool"] = haystack.files(nexus.data_dir / "var" / "spool")
    nexus.worker.start()
    for exchange_id in ids:
        nexus.stored(exchange_id)
    wait_for(lambda: len(running.posts) >= 2, 30)
    found.shown["slack"] = b"\n".join(post.body for post in running.posts)
    found.shown["pages"] = _pages(nexus, ids)
    lines, columns, masked, said = _exports(nexus)
    found.stores["jsonl export"], found.stores["parquet export"] = lines, columns
    found.shown["masked export"], found.shown["commands"] = masked, said
    found.stores["database"] = haystack.database(nexus.database)
    found.stores["redis later"] = haystack.redis_store(redis_url) + found.stores["redis"]
    found.stores["notes"] = haystack.files_named(nexus.data_dir / "credentials", ".*.needs_login")
    found.shown["logs"] = haystack.files_named(nexus.data_dir, "*.log")
    return found


def _send(nexus: Nexus) -> list[str]:
    """The same secrets in a good request, an error, a refusal and one that a guarded domain pays for."""
    text = f"{MARKER} please use {' and '.join(IN_TEXT)} now"
    body = {
        "model": "claude-sonnet-5",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    }
    body["messages"] = [{"role": "user", "content": text}]
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": text}}
    script = Script(
        400, (("content-type", "application/json"), *RESPONSE_HEADERS.items()), (json.dumps(error).encode(),)
    )
    nexus.emulator.app.script("canary-error", script)
    query = "&".join(f"{name}={value}" for name, value in QUERY.items())
    sent = [(name, value.encode()) for name, value in HEADERS.items()] + [("x-test-marker", MARKER.encode())]
    version = ("anthropic-version", b"2023-06-01")
    payload = json.dumps(body).encode()

    def post(target: str, host: str, *headers: tuple[str, bytes]) -> str:
        data = wire.request_bytes("POST", target, [version, *headers], payload, host)
        return wire.send(nexus.url, data).value("x-nexus-id")

    marked = f"/v1/messages?marker={MARKER}&{query}"
    return [
        post(marked, "open.example", *sent),
        post(marked, "open.example", *sent, ("x-emulate", b"script=canary-error")),
        post(marked, "guarded.example", *sent),
        post(marked, "guarded.example", *sent[2:], ("x-api-key", CLIENT_KEY.encode())),
        post(marked, "open.example", *sent[2:], ("authorization", b"Bearer " + IN_TEXT[3].encode())),
    ]


EXPORTS = """
from django.core.management import CommandError, call_command
call_command("export_traffic", "--output=jsonl")
call_command("export_traffic", "--output=parquet", "--format=parquet", "--bodies")
call_command("export_traffic", "--output=masked", "--mask")
with open("commands", "w") as said:
    def say(*words):
        try:
            call_command(*words, stdout=said, stderr=said)
        except CommandError as error:  # a dead token is found, and reported
            said.write(str(error))
    say("import_credentials", "credentials")
    say("check_credentials", "--json")
    say("oauth_status", "--json")
    say("limits", "--json")
    say("rotate_encryption_keys", "--json")
"""


def _exports(nexus: Nexus) -> list[bytes]:
    """An export of each kind and the commands that touch credentials, all by one process."""
    command = (commands.PYTHON, str(env.BASE_DIR / "manage.py"), "shell", "--no-imports", "-c", EXPORTS)
    environment = env.child_environment(nexus.proxy.environment)
    subprocess.run(command, cwd=nexus.data_dir, env=environment, check=True, timeout=100)
    return [(nexus.data_dir / name).read_bytes() for name in ("jsonl", "parquet", "masked", "commands")]


def _show_invitation(browser: httpx.Client) -> httpx.Response:
    browser.get("/dashboard/invitation")
    form = {"secret": INVITATION, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    return browser.post("/dashboard/invitation", data=form)


def _refused(response: httpx.Response, *statuses: int) -> bytes:
    assert response.status_code in statuses, response.text
    return response.content


def _pages(nexus: Nexus, ids: list[str]) -> bytes:
    """Every page and every answer of the API that shows these exchanges, exact bodies apart."""
    place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), nexus.data_dir / "var")
    dashboard = Process(
        commands.dashboard(place), nexus.proxy.environment, nexus.data_dir / "dashboard.log"
    ).start()
    try:
        with httpx.Client(
            base_url=place.dashboard_url, headers={"x-dashboard-key": DASHBOARD_KEY}, timeout=20
        ) as api:
            paths = [
                "/api/requests",
                "/api/stats",
                "/api/domains",
                "/api/limits",
                "/api/accounts",
                "/api/live",
                "/api/tools",
                *(f"/api/requests.{form}" for form in ("csv", "jsonl", "parquet")),
                "/api/pipeline",
                "/api/storage",
                *(f"/api/requests/{id_}" for id_ in ids),
            ]
            parts = [_body(api.get(path)) for path in paths]
        with httpx.Client(base_url=place.dashboard_url, follow_redirects=True, timeout=20) as browser:
            signing_in = ("/dashboard/oidc/login", "/dashboard/oidc/callback")
            parts += [_refused(browser.get(path, params=SIGN_IN), 403, 503) for path in signing_in]
            parts.append(_refused(_show_invitation(browser), 404))
            browser.get("/dashboard/login")
            form = {"key": DASHBOARD_KEY, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            parts.append(_body(browser.post("/dashboard/login", data=form)))
            pages = [
                "/dashboard",
                "/dashboard/requests",
                "/dashboard/usage",
                "/dashboard/limits",
                *(f"/dashboard/request/{id_}" for id_ in ids),
            ]
            parts += [_body(browser.get(path)) for path in pages]
            parts += [str(cookie).encode() for cookie in browser.cookies.jar]
    finally:
        dashboard.stop()
    return b"\n".join(parts)


def _body(response: httpx.Response) -> bytes:
    assert response.status_code == 200, response.text
    return response.content + str(response.headers).encode()


STORES = ["redis", "spool", "database", "redis later", "jsonl export", "parquet export"]
SHOWN = ["slack", "pages", "logs", "masked export", "commands"]


@pytest.mark.parametrize("place", STORES)
def test_the_marker_is_found_in_each_store(places: Places, place: str) -> None:
    assert haystack.holds(places.stores[place], MARKER)


@pytest.mark.parametrize("place", SHOWN)
def test_the_marker_is_found_in_all_that_people_see(places: Places, place: str) -> None:
    assert haystack.holds(places.shown[place], MARKER)


def test_a_dead_token_is_noted_beside_its_file(places: Places) -> None:
    assert haystack.holds(places.stores["notes"], "invalid_grant")


@pytest.mark.parametrize("place", [*STORES, "notes"])
def test_no_secret_of_a_header_a_query_or_the_operator_is_in_a_store(places: Places, place: str) -> None:
    everything = b"\n".join(haystack.layers(places.stores[place]))

    assert [secret for secret in OUTSIDE_BODIES if secret.encode() in everything] == []


@pytest.mark.parametrize("place", SHOWN)
def test_no_secret_at_all_is_in_what_people_see(places: Places, place: str) -> None:
    everything = b"\n".join(haystack.layers(places.shown[place]))

    assert [secret for secret in [*OUTSIDE_BODIES, *WITHIN_TEXT] if secret.encode() in everything] == []


def test_predecessor_defect_16_debug_logs_whole_requests_answers_and_each_chunk(places: Places) -> None:
    logs = places.shown["logs"].decode()

    assert all(f"[debug    ] {word} " in logs for word in ("request", "answer", "chunk"))
    assert "sk-ant-****" in logs
    assert "invalid_request_error" in logs

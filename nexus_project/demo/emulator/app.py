"""The emulator itself: the door of the local stand-in for api.anthropic.com."""

import re
from collections.abc import Callable
from pathlib import Path

from nexus_project.demo.emulator.api import directives
from nexus_project.demo.emulator.api.call import Call, json_object
from nexus_project.demo.emulator.api.credentials import check_credential
from nexus_project.demo.emulator.api.directives import Directives
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.api.response import ORGANIZATION, common_headers
from nexus_project.demo.emulator.api.shaping import shape, with_headers
from nexus_project.demo.emulator.endpoints import inspection
from nexus_project.demo.emulator.endpoints.batches import Batches
from nexus_project.demo.emulator.endpoints.complete import complete
from nexus_project.demo.emulator.endpoints.files import Files
from nexus_project.demo.emulator.endpoints.messages import Messages
from nexus_project.demo.emulator.endpoints.models import model, models
from nexus_project.demo.emulator.endpoints.oauth import OAuth
from nexus_project.demo.received import Received
from nexus_project.demo.script import Script, play
from nexus_project.demo.serving import Receive, Scope, Send
from nexus_project.demo.standin import StandIn
from proxy.wire.body_limits import limit_of

Handler = Callable[[Call], Script]
ID = r"[\w.-]+"


class Emulator(StandIn):
    """Answers as the Anthropic API does, unless a request's `x-emulate` header asks for something else.

    `revoked` holds keys and tokens to refuse, `rules` directives for all requests with a key or token;
    `organizations` whose they are, where that is not ORGANIZATION; `oauth` scripts the token endpoint;
    `script()` sets exact answers.
    """

    def __init__(self, log_file: Path | None = None) -> None:
        super().__init__(log_file)
        self.oauth = OAuth()
        self.revoked: set[str] = set()
        self.rules: dict[str, str] = {}
        self.organizations: dict[str, str] = {}
        self._scripts: dict[str, Script] = {}
        messages, files = Messages(), Files()
        batches = Batches(messages)
        self._open = {("POST", "/v1/oauth/token"): self.oauth.token}
        self._routes: list[tuple[str, str, Handler]] = [
            ("POST", "/v1/messages", messages.create),
            ("POST", "/v1/messages/count_tokens", messages.count),
            ("POST", "/v1/messages/batches", batches.create),
            ("GET", "/v1/messages/batches", batches.listed),
            ("GET", f"/v1/messages/batches/{ID}", batches.get),
            ("DELETE", f"/v1/messages/batches/{ID}", batches.delete),
            ("POST", f"/v1/messages/batches/{ID}/cancel", batches.cancel),
            ("GET", f"/v1/messages/batches/{ID}/results", batches.results),
            ("GET", "/v1/models", models),
            ("GET", f"/v1/models/{ID}", model),
            ("POST", "/v1/files", files.upload),
            ("GET", "/v1/files", files.listed),
            ("GET", f"/v1/files/{ID}", files.get),
            ("DELETE", f"/v1/files/{ID}", files.delete),
            ("GET", f"/v1/files/{ID}/content", files.content),
            ("POST", "/v1/complete", complete),
            ("GET", "/api/oauth/usage", self.oauth.usage),
        ]

    def script(self, key: str, script: Script) -> None:
        """Answer every request that carries `x-emulate: script=KEY` with exactly this, on any path."""
        self._scripts[key] = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/_emulator/"):
            await play(inspection.inspect(scope, self.log), scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def response(self, entry: Received) -> Script:
        try:
            rule = self.rules.get(entry.credential or "", "")
            wishes = directives.parse(f"{entry.value('x-emulate')},{rule}")
        except ValueError as problem:
            return error(400, str(problem))
        if wishes.script is not None:
            return self._scripts.get(wishes.script) or error(400, f"x-emulate: no script {wishes.script!r}")
        script = self._responded(Call(entry, wishes, json_object(entry.body)))
        organization = self.organizations.get(entry.credential or "", ORGANIZATION)
        script = with_headers(script, *common_headers(script, entry, organization))
        return shape(script, wishes)

    def _responded(self, call: Call) -> Script:
        asked = _asked_status(call.directives, call.entry)
        if asked:
            return asked
        if len(call.entry.body) > limit_of(call.entry.path):
            return error(413)
        open_handler = self._open.get((call.entry.method, call.entry.path))
        if open_handler:
            return open_handler(call)
        handler = self._handler(call.entry)
        if handler is None:
            return error(404)
        return check_credential(call.entry, self.revoked) or _check_header(call.entry) or handler(call)

    def _handler(self, entry: Received) -> Handler | None:
        for method, pattern, handler in self._routes:
            if method == entry.method and re.fullmatch(pattern, entry.path):
                return handler
        return None


def _asked_status(wishes: Directives, entry: Received) -> Script | None:
    if wishes.redirect:
        return Script(
            307, (("location", f"https://{entry.value('host')}/elsewhere"), ("content-length", "0"))
        )
    if wishes.status is None:
        return None
    if wishes.status >= 400:
        return error(wishes.status, code=wishes.error_code)
    return Script(wishes.status, (("content-length", "0"),))


def _check_header(entry: Received) -> Script | None:
    if entry.path.startswith("/v1/") and not entry.value("anthropic-version"):
        return error(400, "anthropic-version: header is required")
    return None


def create_app(log_file: Path | None = None) -> Emulator:
    """Return a fresh emulator; serve it with `ConnectionProtocol`."""
    return Emulator(log_file)

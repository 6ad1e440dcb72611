"""A real OpenID provider on loopback (oidc-provider-mock), which also insists on PKCE and can be made to misbehave."""

import base64
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import httpx
from werkzeug.serving import make_server

from nexus_project import env

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries of the mock, which are not ours to fix
    import oidc_provider_mock

# The library below insists on https, on loopback too.
env.assume(AUTHLIB_INSECURE_TRANSPORT="1")


class Provider:
    """What a test arranges with the provider and sees of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.codes: list[str] = []
        self.tokens: list[str] = []
        self.verifiers: list[str] = []
        self.claims: dict[str, Any] = {}  # of userinfo, in the place of the right ones
        self.issuer = ""  # that discovery names, in the place of the right one
        self.is_down = False
        self._challenges: dict[str, str] = {}  # by code

    def has(self, sub: str, **claims: Any) -> None:
        """A person, by the claims that the provider makes of them."""
        httpx.put(f"{self.url}/users/{sub}", json=claims).raise_for_status()

    def approve(self, address: str, sub: str) -> str:
        """What a person does at the provider: the address that it sends them back to."""
        response = httpx.post(address, data={"sub": sub})
        location = response.headers["Location"]
        self.codes += parse_qs(urlsplit(location).query).get("code", [])
        return location

    def before(self) -> Any:
        if self.is_down:
            return flask.Response("out of order", 500)
        if flask.request.path == "/oauth2/authorize":
            assert flask.request.args["code_challenge_method"] == "S256"
        if flask.request.path == "/oauth2/token":
            verifier = flask.request.form.get("code_verifier", "")
            self.verifiers.append(verifier)
            digest = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
            if digest != self._challenges.get(flask.request.form["code"]):
                return flask.Response('{"error": "invalid_grant"}', 400, content_type="application/json")
        return None

    def after(self, response: flask.Response) -> flask.Response:
        if flask.request.path == "/oauth2/authorize" and "Location" in response.headers:
            for code in parse_qs(urlsplit(response.headers["Location"]).query).get("code", []):
                self._challenges[code] = flask.request.args["code_challenge"]
        if flask.request.path == "/oauth2/token" and response.status_code == 200:
            found = response.get_json()
            self.tokens += [found["access_token"], found["id_token"], found.get("refresh_token", "")]
        if flask.request.path == "/userinfo" and self.claims:
            response.set_data(flask.json.dumps({**(response.get_json() or {}), **self.claims}))
        if flask.request.path.endswith("/openid-configuration") and self.issuer:
            response.set_data(flask.json.dumps({**(response.get_json() or {}), "issuer": self.issuer}))
        return response


@contextmanager
def serve() -> Iterator[Provider]:
    """Run one, on a port of its own."""
    app = oidc_provider_mock.app(require_nonce=True)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    running = Provider(f"http://127.0.0.1:{server.server_port}")
    app.before_request(running.before)
    app.after_request(running.after)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""A server of the outside world: under a name that only a proxy knows, with a certificate of an authority made for the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from nexus_project.demo import serving
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.standin import StandIn


@dataclass(frozen=True, slots=True)
class Outside:
    """`url` is its public address, which no resolver knows; `ca_file` the authority to trust; `names` is for a ConnectProxy.

    `certificate` is another server's, of the same authority, for localhost.
    """

    url: str
    ca_file: Path
    certificate: Path
    names: dict[str, str]


@contextmanager
def serve(app: StandIn, folder: Path, name: str = "api.nexus-test.invalid") -> Iterator[Outside]:
    """Serve `app` by TLS while the context is open."""
    authority = trustme.CA()
    ca_file, pem, other = folder / "ca.pem", folder / "server.pem", folder / "localhost.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(other))
    certificate = serving.Certificate(pem, name)
    with serving.serve(app, http=ConnectionProtocol, certificate=certificate) as running:
        port = urlsplit(running.url).port
        yield Outside(f"https://{name}", ca_file, other, {f"{name}:443": f"https://127.0.0.1:{port}"})

"""The proxy's ASGI application, for uvicorn with proxy.relay.http.draining:DrainingProtocol."""

import sys

import django

from nexus_project import env

# httpx's command line, which it does without: rich and pygments are 3 MiB of a process that has no terminal.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # Python's own sign for what is not to be found

env.use_settings("nexus_project.settings.proxy")
django.setup(set_prefix=False)

from proxy.relay.handler import RelayHandler  # noqa: E402

application = RelayHandler()

"""The proxy's ASGI application, for uvicorn with proxy.relay.protocol:Protocol."""

import django

from nexus_project import env

env.use_settings("nexus_project.settings.proxy")
django.setup(set_prefix=False)

import nexus_project.celery  # noqa: E402,F401  # the shipper publishes through the current Celery app
from proxy.relay.handler import RelayHandler  # noqa: E402

application = RelayHandler()

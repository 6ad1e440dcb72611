"""The dashboard under daphne: pages over HTTP, live updates over websockets."""

from threading import Thread

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from django.core.asgi import get_asgi_application

from nexus_project import env

env.use_settings("nexus_project.settings.dashboard")
if settings.PAGES_POOL:
    # Under ASGI every request has a thread of its own, so connections are kept in psycopg's pool and not by threads.
    _database = settings.DATABASES["default"]
    _database["CONN_MAX_AGE"] = 0
    _database["OPTIONS"]["pool"] = settings.PAGES_POOL
pages = get_asgi_application()

from dashboard.access import sessions  # noqa: E402
from dashboard.live.routing import websocket_urlpatterns  # noqa: E402
from nexus_project.asgi.backpressure import paced  # noqa: E402

if settings.PAGES_POOL:
    Thread(target=sessions.clear_hourly, name="sessions", daemon=True).start()

application = ProtocolTypeRouter(
    {"http": paced(pages), "websocket": SessionMiddlewareStack(URLRouter(websocket_urlpatterns))}
)

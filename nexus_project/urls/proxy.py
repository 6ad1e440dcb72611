"""What the proxy's port answers."""

from django.urls import path, re_path

from proxy.relay import endpoints
from proxy.relay.views import relay

urlpatterns = [
    re_path(r"(?s)^v1/", relay),
    path("", endpoints.describe),
    path("health", endpoints.health),
    path("health/ready", endpoints.ready),
    path("health/live", endpoints.alive),
    path("token-stats", endpoints.stats),
    path("oauth-metrics", endpoints.oauth_metrics),
    path("client-setup/<path:name>", endpoints.client_setup),
    path("api/hello", endpoints.hello),
    re_path(r"^api/event_logging(?:/|$)", endpoints.event_sink),
]
handler404 = endpoints.nothing_here
handler500 = endpoints.broken

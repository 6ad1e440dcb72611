"""Addresses of websockets."""

from django.urls import URLPattern, path, re_path

from dashboard.live.consumers import LiveConsumer, NoSuchSocket

websocket_urlpatterns: list[URLPattern] = [
    path("ws/live", LiveConsumer.as_asgi()),
    re_path("", NoSuchSocket.as_asgi()),
]

"""Addresses of websockets."""

from django.urls import URLPattern, path, re_path

from dashboard.live.consumers import LiveConsumer, NoSuchSocket

websocket_urlpatterns: list[URLPattern] = [
    path("ws/live", LiveConsumer.as_asgi()),
    path("ws/live/all", LiveConsumer.as_asgi(asks_for_all=True)),
    re_path("", NoSuchSocket.as_asgi()),
]

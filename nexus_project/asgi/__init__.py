"""Where an ASGI server begins: one application for the proxy, one for the dashboard.

Read `proxy`, then `dashboard`, which adds websockets.
"""

"""Live updates over a websocket of Channels: hints that something runs or was stored, never the data itself.

Read `consumers`; `proxy.live_events` is the message.
"""

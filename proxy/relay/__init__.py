"""The proxy's own way: a request comes in, is authorized, recorded in the spool, sent upstream, and its response streamed back.

Read `views` first, then `http`, `credentials`, `upstream`, `capture`, `spool` and `shipping`: the way of a request. It meets the
store only in `proxy.record` and never imports Celery.
"""

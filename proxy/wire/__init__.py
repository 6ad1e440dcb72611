"""What the API's bytes mean: requests, responses, streams, usage, bills. Pure functions, without Django and without I/O.

Read `requests` and `messages`, then `sse`, then `billing`, which makes a bill of a usage; `sniff` and `hints` are for the hot
path, where no body is parsed, and `chunking` cuts bodies for the store.
"""

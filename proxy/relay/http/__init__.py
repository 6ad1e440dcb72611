"""HTTP on the client's side: uvicorn's protocol with stricter checks, requests, responses of Nexus itself, limits of clients.

Read `protocol`, then `request` and `headers`; the others are parts of these.
"""

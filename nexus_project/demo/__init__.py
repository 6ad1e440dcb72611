"""Everything the demo and the tests need in place of the outside world: the API, Slack, and traffic.

Read `standin`, which both servers are made of, then `emulator` (the API) and `slack`; `script` is a response as data, `samples`
sends traffic.
"""

"""The way out of this network: proxies, the certificates to trust, clients that use both, and a check of all of it.

Whatever Nexus sends to the outside goes this way. Read `proxies`, which chooses one, then `tunnel`, the way of the relay, and
`client`, the way of everything else; `trust` holds the certificates, `check` tries each step.
"""

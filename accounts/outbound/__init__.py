"""The way out of this network: proxies, the certificates to trust, clients that use both, and a check of all of it.

Whatever Nexus sends to the outside goes this way: the relay through `tunnel`, everything else through `client`.
"""

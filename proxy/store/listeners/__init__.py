"""What hears of stored exchanges besides notifications: open pages, and the limits in Redis.

Read `proxy.store.announce` first: it names them.
"""

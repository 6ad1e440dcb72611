"""The tools that agents call: how often, how many fail, how long they take and how much they bring, by tool and by MCP server.

Read `view`, then `table`, then its template `page.html`.
"""

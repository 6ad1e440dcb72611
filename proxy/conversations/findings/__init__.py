"""What turns of a conversation show when they are compared: broken caches, what fills the context, loops. Pure functions.

Read `request_parts` and `request_diff`, which compare two requests; `cache_breaks`, `cache_causes` and `cause_words`, which say
what a break lost and why; `context_makeup`; `tool_calls` and `loops`. Requests are plain decoded JSON, of any quality.
"""

"""The one filter of pages, API and websocket: which exchanges somebody wants to see, as an address says it.

Read `filter`, then `periods`; `values` cleans what people type, `windows` is a second stretch to compare with.
"""

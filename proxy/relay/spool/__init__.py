"""The spool: every exchange is on local disk before its request goes upstream and before its response reaches the client.

Read `segments`, the file format, then `spool`, `record` and `directory`; `recovery` takes over what processes left behind,
`inspect` and `salvage` serve operators.
"""

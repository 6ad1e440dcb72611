"""Data that moves in and out: exports of the record, and imports of them.

Read `line`, what an export holds of one exchange, then `exporting` and `importing`; `jsonl` and `parquet` are its forms,
`selection` chooses.
"""

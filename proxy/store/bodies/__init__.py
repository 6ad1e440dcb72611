"""Bodies at rest: chunks that are stored once a month, the manifests that put them together again, and envelope encryption.

Read `traffic`, `manifests` and `blobs`, then `encryption` and `data_keys`.
"""

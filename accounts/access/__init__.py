"""Who may pass, and which credential pays: a decision over a snapshot, pure, without Django and without I/O.

Read `decision` first; `hosts`, `wildcards` and `paths` say what a request is about, `inbound` and `keys` what it carries, `limits`
which limits hold for it.
"""

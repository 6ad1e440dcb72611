"""What the commands about access share: finding every credential, reporting on many, reading a time that a person typed.

Read a command in `commands`, then `all_credentials` and `report`, which most of them use.
"""

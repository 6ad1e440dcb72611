"""A file that is always whole, whoever looks and whatever ends while it is written."""

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Put the content into the place of a file, readable by its owner alone. Raises OSError, and the old file stays."""
    # mkstemp makes a file of mode 600.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            # fsync before rename: after a power cut an empty file would stand under the final name.
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

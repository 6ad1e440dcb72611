"""The faults of `test_faults.py` are those of every system call that spool, shipper and recovery make: a new one must join them."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePath

from proxy import relay
from tests.relay.faults import ERRORS

SPOOL = (
    *("accounting", "assemble", "descriptors", "directory", "files", "queue", "reading"),
    *("record", "recovery", "segments", "spool", "unread", "writer"),
)
MODULES = (*(f"spool.{name}" for name in SPOOL), "shipping.parts", "shipping.shipper")
# What of a Path asks the kernel, and by which call.
OF_PATHS = {
    "exists": "stat",
    "is_dir": "stat",
    "iterdir": "listdir",
    "mkdir": "mkdir",
    "stat": "stat",
    "unlink": "unlink",
}
UNKNOWN_OF_PATHS = set(dir(Path)) - set(dir(PurePath)) - set(OF_PATHS)
PURE = {"os.path.samestat"}
LIMITS = {"resource.getrlimit", "resource.setrlimit"}  # refused by test_descriptors.py
ALIKE = {"scandir"}  # what newer Pythons ask for listdir


def parsed(name: str) -> ast.Module:
    """A module of the relay, by its name below it."""
    path = Path(relay.__file__).parent.joinpath(*name.split(".")).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def asked(name: str) -> Iterator[str]:
    """The system calls of a module: by their names, or as they are written where none is known."""
    for node in ast.walk(parsed(name)):
        if not isinstance(node, ast.Call):
            continue
        written = ast.unparse(node.func)
        module, _, function = written.partition(".")
        if module in {"os", "fcntl"}:
            yield function if function in ERRORS else written
        elif module in {"resource", "shutil", "io", "mmap", "tempfile", "open"}:
            yield written
        elif isinstance(node.func, ast.Attribute) and node.func.attr in OF_PATHS:
            yield OF_PATHS[node.func.attr]
        elif isinstance(node.func, ast.Attribute) and node.func.attr in UNKNOWN_OF_PATHS:
            yield written


def test_each_system_call_of_spool_shipper_and_recovery_is_made_to_fail() -> None:
    found = {call for name in MODULES for call in asked(name)}

    assert found - PURE - LIMITS == ERRORS.keys() - ALIKE


def test_no_module_of_the_spool_is_forgotten() -> None:
    """Whatever shipper, recovery or spool import of the relay is looked at, but for what has no files."""
    imported: set[str] = set()
    for name in MODULES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("proxy.relay"):
                module = ".".join((node.module or "").split(".")[2:])
                inside = module in {"", *(known.partition(".")[0] for known in MODULES)}
                imported |= (
                    {f"{module}.{alias.name}".strip(".") for alias in node.names} if inside else {module}
                )

    assert imported - set(MODULES) == {"spool.bounds", "shipping.broker", "log_limit"}

"""The pictures of the documents: each is shown and described, small, and nothing but pixels."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus_project.env import BASE_DIR
from tests.pictures.sheet import LARGEST, SHEETS, WIDTH, Sheet
from tests.project import repository

FOLDER = BASE_DIR / "docs" / "pictures"
SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each part of a PNG file."""
    place = len(SIGNATURE)
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        place += size + 12


def shown() -> dict[Path, str]:
    """The description of each picture that a document shows."""
    return {
        (document.parent / target).resolve(): description
        for document in repository.documents()
        for description, target in SHOWN.findall(document.read_text(encoding="utf-8"))
    }


def test_the_documents_show_each_picture_that_is_taken_and_no_other() -> None:
    taken = {FOLDER / sheet.file for sheet in SHEETS}

    assert set(shown()) == taken
    assert set(FOLDER.iterdir()) == taken


def test_each_is_described_for_who_does_not_see_it() -> None:
    assert [path.name for path, description in shown().items() if len(description.split()) < 10] == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_each_has_its_size_and_holds_nothing_but_pixels(sheet: Sheet) -> None:
    """A comment in a PNG file could name a program, a person or a folder."""
    data = (FOLDER / sheet.file).read_bytes()
    found = list(chunks(data))

    assert len(data) <= LARGEST
    assert data.startswith(SIGNATURE)
    assert struct.unpack(">II", found[0][1][:8]) == (WIDTH, sheet.height)
    assert {kind for kind, _ in found} == {b"IHDR", b"IDAT", b"IEND"}

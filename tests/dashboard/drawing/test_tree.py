"""The drawing of a tree."""

import re
from xml.etree import ElementTree

from dashboard.drawing.tree import COLUMN, MARGIN, Lane, Node, draw


def columns(nodes: list[Node], lanes: int) -> list[int]:
    drawing = draw(nodes, [Lane(0)] * lanes)
    return [(int(x) - MARGIN) // COLUMN for x in re.findall(r'cx="(\d+)"', drawing.svg)]


def node(lane: int, parent: int | None = None, label: str = "") -> Node:
    return Node("id", lane, "", "title", label, parent)


def test_a_lane_has_a_column_of_its_own_while_it_lasts_and_lane_0_the_first() -> None:
    together = [node(2), node(0), node(1, 1), node(3, 1), node(1, 2), node(3, 3)]
    after_each_other = [node(0), node(1, 0), node(1, 1), node(0, 0), node(2, 3), node(2, 4)]

    assert columns(together, 4) == [1, 0, 1, 2, 1, 2]
    assert columns(after_each_other, 3) == [0, 1, 1, 0, 1, 1]


def test_a_nested_lane_stands_right_of_the_one_that_it_leaves() -> None:
    assert columns([node(0), node(1, 0), node(2, 1), node(1, 1)], 3) == [0, 1, 2, 1]


def test_it_is_whole_xml_with_escaped_words_and_no_style() -> None:
    drawing = draw([Node("a", 0, "failed", "<b>", "x & y"), Node("b", 0, "", "", parent=0)], [Lane(3)])

    root = ElementTree.fromstring(f"<svg>{drawing.svg}</svg>")  # noqa: S314 - our own
    [first, second] = root.findall("a")
    assert first.get("class") == "n3 failed"
    assert (first.findtext("title"), first.findtext("text")) == ("<b>", "x & y")
    assert second.find("text") is None
    assert len(root.findall("path")) == 1
    assert "style" not in drawing.svg
    assert drawing.height > 20

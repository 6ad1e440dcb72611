"""JSON as a tree: places, bounded parts, masked words."""

import pytest

from accounts.secrets.masking import MASK
from dashboard.transcript import json_tree
from dashboard.transcript.json_tree import Node, NoSuchPlaceError

VALUE = {
    "a/b": {"~": [1, None, "x"]},
    "deep": [[["in"]]],
    "": {"odd name": True},
    "api_key": "k1",
    "tokens": ["t"],
}


def all_of(node: Node) -> list[Node]:
    return [node, *(inner for child in node.children for inner in all_of(child))]


def test_every_pointer_leads_to_its_node_and_every_path_is_that_of_jq() -> None:
    nodes = all_of(json_tree.tree(VALUE))

    for node in nodes:
        assert json_tree.find(VALUE, node.pointer).path == node.path
    assert {node.path for node in nodes} >= {
        *(".", '.["a/b"]', '.["a/b"].["~"][2]', ".deep[0][0][0]", '.[""].["odd name"]', ".api_key"),
    }


@pytest.mark.parametrize(
    "pointer", ["/none", "/deep/1", "/deep/-1", "/deep/x", "/deep/0/0/0/0", "/api_key/0"]
)
def test_a_pointer_that_leads_nowhere_is_told(pointer: str) -> None:
    with pytest.raises(NoSuchPlaceError):
        json_tree.find(VALUE, pointer)


def test_what_a_secret_is_called_masks_it_wherever_it_is_looked_at() -> None:
    value = {
        "password": "open",
        "client_secret": ["one", {"secret": "two"}],
        "api_token": 12,
        "pin": {"secret": 99},
    }
    [node] = [node for node in all_of(json_tree.tree(value)) if node.path == ".client_secret[0]"]

    assert MASK in node.text
    assert json_tree.piece(json_tree.find(value, "/client_secret/0"), 0) == (MASK, 0)
    for secret in ("open", "one", "two", "99"):
        assert secret not in "".join(found.text for found in all_of(json_tree.tree(value)))
        assert json_tree.search(value, secret) == ([], True)
    assert [found.path for found in json_tree.search(value, "PASSWORD")[0]] == [".password"]


def test_a_small_value_is_there_at_once_and_a_large_one_by_parts() -> None:
    large = {"items": [{"number": number} for number in range(1000)]}
    root = json_tree.tree(large)
    members, more = json_tree.children(json_tree.find(large, "/items"), 100)

    assert len(all_of(json_tree.tree(VALUE))) == 15
    assert len(all_of(root)) <= 301
    assert (len(root.children[0].children), root.children[0].more) == (100, 100)
    assert ([members[0].name, members[-1].name], more) == (["100", "199"], 200)
    assert json_tree.children(json_tree.find(large, "/items"), 950)[1] == 0


def test_a_long_text_comes_in_pieces_that_are_cut_between_words() -> None:
    text = "words and " * 20_000
    place, start, parts = json_tree.find([text], "/0"), 0, list[str]()
    while True:
        part, start = json_tree.piece(place, start)
        parts.append(part)
        if not start:
            break

    assert "".join(parts) == text
    assert len(parts) == 4
    assert all(part.endswith(" ") for part in parts)
    assert json_tree.tree([text]).children[0].is_cut


def test_no_more_places_are_found_than_can_be_read() -> None:
    found, is_all = json_tree.search(["needle"] * 1000, "Needle")
    [excerpt] = json_tree.search(["hay " * 10_000 + "needle"], "needle")[0]

    assert (len(found), is_all) == (json_tree.MOST_FOUND, False)
    assert excerpt.text.startswith("…")
    assert "needle" in excerpt.text
    assert json_tree.search({"a": 1}, "") == ([], True)

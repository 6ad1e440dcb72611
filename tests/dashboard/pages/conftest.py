"""A template that prints what no view gave it fails: Django would print nothing, as after a field was renamed."""

import pytest
from django.template import engines


class Missing(str):
    """Django looks for `%s` in `string_if_invalid`, and puts the name of the variable there."""

    def __mod__(self, variable: object) -> str:
        pytest.fail(f"a template prints {variable}, which does not exist")


@pytest.fixture(autouse=True)
def _nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines["django"].engine, "string_if_invalid", Missing("%s"))  # type: ignore[attr-defined]

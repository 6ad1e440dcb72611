"""What the documents show as Python runs as it is written."""

import re
import subprocess
import sys

import pytest

from nexus_project import env
from tests.flow.conftest import Nexus

# What stands for the reader's own address and key.
PLACEHOLDERS = ("https://nexus.example.com", "cnp_live_…")


@pytest.mark.parametrize("document", ["README.md", "docs/claude-code.md"])
def test_the_first_python_example_gets_an_answer(nexus: Nexus, document: str) -> None:
    text = (env.BASE_DIR / document).read_text(encoding="utf-8")
    found = re.search("^```python\\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    code = found[1].replace("http://localhost:3000", nexus.url)
    if document != "README.md":
        code = code.replace(PLACEHOLDERS[0], nexus.url).replace(PLACEHOLDERS[1], "sk-ant-your-key")

    environment = env.child_environment({"HTTPS_PROXY": "", "HTTP_PROXY": "", "ALL_PROXY": ""})
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()

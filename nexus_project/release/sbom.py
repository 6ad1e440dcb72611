"""What the images install, as CycloneDX 1.6 JSON (cyclonedx.org): each package that requirements/base.txt pins, with its hashes."""

import re
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def pins(requirements: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and SHA-256 digests of each pinned package."""
    text = requirements.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if match := _PIN.match(line):
            yield match[1], match[2], _HASH.findall(line)


def sbom(version: str, requirements: Path) -> str:
    """The document, as text."""
    bom = Bom(components=[_component(*pin) for pin in pins(requirements)])
    nexus = Component(
        name="claude-nexus", version=version, type=ComponentType.APPLICATION, bom_ref="claude-nexus"
    )
    bom.metadata.component = nexus
    bom.register_dependency(nexus, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(name: str, version: str, digests: list[str]) -> Component:
    purl = PackageURL("pypi", name=name.lower().replace("_", "-"), version=version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests]
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl), hashes=hashes
    )

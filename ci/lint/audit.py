"""Each hazard of docs/rfc_v3_audit.md names a case and a specimen that exist, or says why not.

A hazard is a section `### S-nn TITLE` that ends in `**Case** …. **Specimen** ….`, each a list of
names in backquotes or `none: WHY`. The other way round, a specimen stands in the section of every
hazard that it claims, and of no other.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tree import Problem, Tree, plant

DOCUMENT = "docs/rfc_v3_audit.md"
HAZARDS = 48
_SECTION = re.compile(r"^### (S-\d\d) .*?(?=^##|\Z)", re.M | re.S)
_NAMED = re.compile(r"\*\*Case\*\*\s(.+?)\.\s+\*\*Specimen\*\*\s(.+)\.\s*\Z", re.S)
_NAMES = re.compile(r"`([^`]+)`(?:,\s+`([^`]+)`)*")


def _claims(tree: Tree) -> dict[str, set[str]]:
    """Hazards by specimen."""
    found = {}
    for path in tree.select(".toml", under=("fuzzers/specimens/",)):
        found[Path(path).stem] = set(tomllib.loads(tree.read(path)).get("hazards", []))
    return found


def _names(text: str) -> list[str] | None:
    if re.match(r"none:\s\S", text):
        return []
    return re.findall(r"`([^`]+)`", text) if _NAMES.fullmatch(text) else None


def _section(tree: Tree, hazard: str, text: str, claims: dict[str, set[str]]) -> list[str]:
    match = _NAMED.search(text)
    cases, specimens = (_names(match[1]), _names(match[2])) if match else (None, None)
    if cases is None or specimens is None:
        return ["expected `**Case** …. **Specimen** ….`, names in backquotes or `none: WHY`"]
    wrong = [f"case {case} is not there" for case in cases if case not in tree.paths]
    for name in specimens:
        if name not in claims:
            wrong.append(f"specimen {name} is not there")
        elif hazard not in claims[name]:
            wrong.append(f"specimen {name} does not claim {hazard}")
    missing = sorted(name for name in claims if hazard in claims[name] and name not in specimens)
    return wrong + [f"specimen {name} claims {hazard} and is not named" for name in missing]


def check(tree: Tree) -> list[Problem]:
    if DOCUMENT not in tree.paths:
        return [Problem(DOCUMENT, 0, "is not there")]
    text = tree.read(DOCUMENT)
    claims = _claims(tree)
    problems = []
    seen = []
    for match in _SECTION.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        seen.append(match[1])
        for wrong in _section(tree, match[1], match[0], claims):
            problems.append(Problem(DOCUMENT, line, f"{match[1]}: {wrong}"))
    if seen != [f"S-{number:02}" for number in range(1, HAZARDS + 1)]:
        problems.append(Problem(DOCUMENT, 0, f"expected S-01 to S-{HAZARDS}, once and in order"))
    return problems


def _tree(root: Path, case: str) -> Tree:
    sections = [
        f"### S-{number:02} Title\n\nText.\n\n**Case** `a.vq`. **Specimen** none: a name.\n"
        for number in range(2, HAZARDS + 1)
    ]
    first = f"### S-01 Title\n\n**Case** `{case}`,\n`a.vq`. **Specimen**\n`leak`.\n"
    files = {
        DOCUMENT: "\n".join(["# Audit\n", first, *sections]),
        "fuzzers/specimens/leak.toml": 'hazards = ["S-01"]\n',
        "a.vq": "kick tx\n",
    }
    return plant(root, files)


def bad(root: Path) -> Tree:
    return _tree(root, "gone.vq")


def good(root: Path) -> Tree:
    return _tree(root, "a.vq")

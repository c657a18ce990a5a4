"""What fuzz targets link uses the C++ standard library only, and none of its uneven parts.

OSS-Fuzz builds with libc++, so nothing from a distribution's packages may be linked; and a clock, a
thread, an unseeded random number or the order of an unordered container would make one input give
two traces. The headers of JSON, CLI11 and toml++ are heavy: one translation unit each.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from layers import SYSTEM_MODULES, module_of
from tree import Problem, Tree, plant

STANDARD = frozenset(
    "algorithm any array atomic bit bitset cassert cctype cerrno charconv climits compare "
    "concepts cstdarg cstddef cstdint cstdio cstdlib cstring deque exception forward_list fstream "
    "functional initializer_list iomanip iosfwd iostream istream iterator limits list map memory "
    "new numeric "
    "optional ostream queue set span sstream stack stdexcept streambuf string string_view tuple "
    "type_traits typeinfo utility variant vector version".split()
)
UNEVEN = {
    "random": "base/random.h",
    "chrono": "counted steps",
    "ctime": "counted steps",
    "thread": "interleaving points",
    "mutex": "interleaving points",
    "unordered_map": "std::map or a sorted vector",
    "unordered_set": "std::set or a sorted vector",
    "ranges": "a loop (clang 14 cannot compile libstdc++'s views)",
    "source_location": "__FILE__ and __LINE__",
}
# The bench is no fuzz target: it measures time.
CLOCKED = ("fuzzers/bench.cc",)
HEAVY = ("nlohmann/", "CLI/", "toml++/")
TEST_ONLY = ("gtest/", "gmock/")
ALLOWED_LIBRARIES = re.compile(
    r"^(libstdc\+\+|libm|libgcc_s|libc|libc\+\+|libc\+\+abi|ld-linux.*)\.so"
)
_INCLUDE = re.compile(r"^\s*#\s*include\s*<([^>]+)>")
_RAND = re.compile(r"(?<![\w.>])(?:std::)?s?rand\(")


def _header_problem(path: str, module: str, header: str) -> str | None:
    # A test, or an engine's own entry point, is no part of what is linked into a target.
    tests = path.endswith(("_test.cc", "_fixture.h")) or "/testing/" in path
    if tests and (header.startswith(TEST_ONLY) or "/" not in header):
        return None
    if header in ("chrono", "ctime") and path in CLOCKED:
        return None
    if header in UNEVEN and module not in ("cli", "agent", "device"):
        return f"<{header}> differs from run to run or library to library; use {UNEVEN[header]}"
    if header in STANDARD or header.startswith("sanitizer/"):
        return None
    if module == "cli":
        return None
    if module in SYSTEM_MODULES or (module == "fuzzers" and not header.startswith(HEAVY)):
        third_party = header.startswith((*HEAVY, "fmt/", *TEST_ONLY))
        return f"<{header}>: only cli/ uses packaged libraries" if third_party else None
    return f"<{header}> is not the standard library, which is all that fuzz targets link"


def _sources(tree: Tree) -> list[Problem]:
    problems = []
    heavy: dict[str, list[tuple[str, int]]] = {}
    for path in tree.select(".cc", ".h", under=("harness/", "fuzzers/")):
        module = module_of(path)
        if module is None:
            continue
        for number, line in enumerate(tree.lines(path), start=1):
            if match := _INCLUDE.match(line):
                for prefix in HEAVY:
                    if match[1].startswith(prefix):
                        heavy.setdefault(prefix, []).append((path, number))
                text = _header_problem(path, module, match[1])
                if text:
                    problems.append(Problem(path, number, text))
            elif _RAND.search(line.split("//")[0]):
                problems.append(Problem(path, number, "rand() is unseeded; use base/random.h"))
    for prefix, places in heavy.items():
        problems += [
            Problem(path, number, f"<{prefix}…> is heavy and already in {places[0][0]}")
            for path, number in places
            if path != places[0][0]
        ]
    return problems


def _binaries(tree: Tree) -> list[Problem]:
    """The fuzz targets as built, where they are built."""
    folder = tree.root / "build/libfuzzer/bin"
    problems = []
    for binary in sorted(folder.iterdir()) if folder.is_dir() else []:
        done = subprocess.run(
            ["readelf", "-d", str(binary)], capture_output=True, text=True, check=False
        )
        for library in re.findall(r"\(NEEDED\).*\[([^\]]+)\]", done.stdout):
            if not ALLOWED_LIBRARIES.match(library):
                problems.append(Problem(str(binary.relative_to(tree.root)), 0, f"links {library}"))
    return problems


def check(tree: Tree) -> list[Problem]:
    return _sources(tree) + _binaries(tree)


def bad(root: Path) -> Tree:
    return plant(root, {"harness/prog/a.cc": "#include <fmt/core.h>\n"})


def good(root: Path) -> Tree:
    return plant(root, {"harness/prog/a.cc": "#include <vector>\n"})

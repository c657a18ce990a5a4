"""Which module of harness/ may use which: the one table that the layering lints read.

base <- ring <- engine <- backend, device; base <- prog <- trace <- oracle; runner joins. Above all,
oracle has no path to engine, ring or guest: an oracle that shared code with the engine would share
its bugs.
"""

from __future__ import annotations

MAY_USE: dict[str, frozenset[str]] = {
    "base": frozenset(),
    "ring": frozenset({"base"}),
    "engine": frozenset({"base", "ring"}),
    "backend": frozenset({"base", "ring", "engine"}),
    "prog": frozenset({"base"}),
    "trace": frozenset({"base", "prog"}),
    "oracle": frozenset({"base", "prog", "trace"}),
    # agent/frames.h is what the kernel adapter and the guest speak.
    "device": frozenset(
        {"base", "ring", "engine", "backend", "prog", "trace", "agent", "guest", "runner"}
    ),
    "guest": frozenset({"base", "ring", "prog", "trace", "device"}),
    "runner": frozenset({"base", "prog", "trace", "device", "guest"}),
    "agent": frozenset({"base", "prog", "trace", "device", "guest", "runner"}),
    "cli": frozenset(
        {"base", "ring", "engine", "backend", "prog", "trace", "oracle", "device", "guest",
         "runner", "agent"}
    ),
    "fuzzers": frozenset(
        {"base", "ring", "engine", "backend", "prog", "trace", "oracle", "device", "guest",
         "runner", "agent"}
    ),
}  # fmt: skip

# Talk to the system, so they may use its headers; no fuzz target links their main parts.
SYSTEM_MODULES = frozenset({"cli", "agent", "device"})


def module_of(path: str) -> str | None:
    """harness/ring/vring.h -> ring; fuzzers/x.cc -> fuzzers; else None."""
    parts = path.split("/")
    if parts[0] == "fuzzers":
        return "fuzzers"
    if parts[0] == "harness" and len(parts) > 2:
        return parts[1]
    return None

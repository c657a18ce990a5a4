"""out/report: what a campaign did, as report.json for programs and index.html for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from house import store

REPORT = store.OUT / "report"
SCHEMA = 1


def thousands(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u202f")


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def write(report: dict[str, Any]) -> None:
    """Both files, each by rename; the page has nothing that is not in the JSON."""
    store.write_json(REPORT / "report.json", report)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["thousands"] = thousands
    environment.globals["percent"] = percent
    page = environment.get_template("report.html.j2").render(report=report)
    store.write(REPORT / "index.html", page + "\n")

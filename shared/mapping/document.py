"""The mapping as a page for people, written from the rows that run it (docs/mapping-rows.md)."""

from __future__ import annotations

from itertools import groupby

from shared.mapping.registry import TABLES
from shared.mapping.rows import Table

_HEAD = """# What is mapped, row by row

Written from the tables in `shared/mapping` by `python -m shared.mapping.document`; a test keeps the two equal. Rows of
the guide are named by map and line: `PID[Patient] 7` is line 7 of HL7's segment map PID[Patient]. Fields that are not
listed have no row and count as lost in a mapping report.
"""


def mapping_page() -> str:
    """Return the page as Markdown."""
    ordered = sorted(TABLES, key=lambda table: table.segment)
    chapters = (_chapter(segment, list(tables)) for segment, tables in groupby(ordered, key=lambda t: t.segment))
    return _HEAD + "".join(chapters)


def _chapter(segment: str, tables: list[Table]) -> str:
    lines = [f"\n## {segment}\n\n| field | FHIR element | guide |\n|---|---|---|\n"]
    rows = sorted((row for table in tables for row in table.rows), key=lambda row: row.number)
    lines += [f"| {row.source} | {row.target.replace('|', '/')} | {row.guide} |\n" for row in rows]
    carried = {row.number for table in tables for row in table.rows}
    ignored = {number: reason for table in tables for number, reason in table.ignored.items() if number not in carried}
    if ignored:
        lines.append("\n| not carried | why |\n|---|---|\n")
        lines += [f"| {segment}-{number} | {reason} |\n" for number, reason in sorted(ignored.items())]
    return "".join(lines)


if __name__ == "__main__":
    print(mapping_page(), end="")

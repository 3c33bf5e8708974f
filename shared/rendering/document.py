"""The way back as a page for people, written from the rows that run it (docs/rendering-rows.md)."""

from __future__ import annotations

from itertools import groupby

from shared.rendering.registry import TABLES
from shared.rendering.rows import Table

_HEAD = """# What is written back, row by row

Written from the tables in `shared/rendering` by `python -m shared.rendering.document`; a test keeps the two equal. Each
row names the row of the guide that it reads backwards: `PID[Patient] 7` is line 7 of HL7's segment map PID[Patient].
"""


def rendering_page() -> str:
    """Return the page as Markdown."""
    ordered = sorted(TABLES, key=lambda table: table.segment)
    chapters = (_chapter(segment, list(tables)) for segment, tables in groupby(ordered, key=lambda t: t.segment))
    return _HEAD + "".join(chapters)


def _chapter(segment: str, tables: list[Table]) -> str:
    lines = [f"\n## {segment}\n\n| field | FHIR element | guide |\n|---|---|---|\n"]
    rows = sorted((row for table in tables for row in table.rows), key=lambda row: row.number)
    lines += [f"| {row.target} | {_of(row.source, tables)} | {row.guide} |\n" for row in rows]
    otherwise = {number: reason for table in tables for number, reason in table.not_back.items()}
    if otherwise:
        lines.append("\n| field of the mapping | instead |\n|---|---|\n")
        lines += [f"| {segment}-{number} | {reason} |\n" for number, reason in sorted(otherwise.items())]
    implied = [(table.resource, one) for table in tables for one in table.implied]
    if implied:
        lines.append("\n| element without a field | why it needs none |\n|---|---|\n")
        lines += [f"| {resource}.{one.path}{_only(one.values)} | {one.reason} |\n" for resource, one in implied]
    return "".join(lines)


def _of(source: str, tables: list[Table]) -> str:
    """Return a source with its resource type: the rows of a part of a resource begin at the part."""
    head = source.partition(".")[0]
    whole = next((table.resource for table in tables if table.resource.endswith(f".{head}")), "")
    return f"{whole.rpartition('.')[0]}.{source}" if whole else source


def _only(values: tuple[object, ...]) -> str:
    return f" ({', '.join(str(value).lower() for value in values)})" if values else ""


if __name__ == "__main__":
    print(rendering_page(), end="")

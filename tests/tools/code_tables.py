"""Write shared/mapping/codes/tables.json from HL7's v2-to-FHIR code maps.

    python -m tests.tools.code_tables MAPPINGS_DIR

Only the facts are kept: which code of which HL7 table is which code of which system. A test compares the two.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "shared" / "mapping" / "codes" / "tables.json"
PREFIX = "HL7 Concept Map_ "


def read_tables(mappings: Path) -> dict[str, Any]:
    """Return table name -> HL7 table number and codes; a code without a target in the guide is null."""
    tables: dict[str, Any] = {}
    for path in sorted((mappings / "codesystems").glob(f"{PREFIX}*.csv")):
        number, codes = read_table(path)
        if any(codes.values()):
            name = path.stem.removeprefix(PREFIX).removesuffix(" - Sheet1")
            tables[name] = {"table": number, "codes": codes}
    return tables


def read_table(path: Path) -> tuple[str, dict[str, list[str] | None]]:
    """Return the HL7 table number and its codes, first row of a code first."""
    codes: dict[str, list[str] | None] = {}
    number = ""
    with path.open(encoding="utf-8", newline="") as lines:
        _, header, *rows = csv.reader(lines)
        columns = [header.index("Code", 1), header.index("Display"), header.index("Code System", 3)]
        for row in rows:
            cells = [" ".join(cell.split()) for cell in row]
            source, source_system = cells[0], cells[2]
            code, display, system = (cells[column] for column in columns)
            if not source or not source_system:
                continue
            number = number or source_system[-4:]
            usable = bool(code) and " " not in code and system.startswith(("http", "urn:"))
            codes.setdefault(source, [code, display, system] if usable else None)
    return number, codes


def write_tables(tables: dict[str, Any], target: Path = TARGET) -> None:
    """Write the tables, one code to a line."""
    text = ",\n".join(
        f' {json.dumps(name)}: {{"table": {json.dumps(table["table"])}, "codes": {{\n'
        + ",\n".join(
            f"  {json.dumps(code)}: {json.dumps(to, ensure_ascii=False)}" for code, to in table["codes"].items()
        )
        + "\n }}"
        for name, table in tables.items()
    )
    target.write_text("{\n" + text + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write_tables(read_tables(Path(sys.argv[1])))

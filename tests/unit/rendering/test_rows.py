"""The rows of the way back against the rows of the way there."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from shared.mapping.registry import TABLES as FORWARD
from shared.rendering.document import rendering_page
from shared.rendering.registry import TABLES as BACK

# The mapping of these comes from other hands; their rows are read off the guide (TXA), or are no rows of it.
_AHEAD = {"TXA", "MRG"}
_AHEAD_OF = {"DocumentReference"}
_OWN = {"decision 0040"}


def test_every_field_of_the_mapping_comes_back_or_says_why_not():
    """A row that is added to a segment without its way back would be lost for every receiver of v2."""
    rows, reasons = defaultdict(set), defaultdict(set)
    for table in BACK:
        rows[table.segment] |= {row.number for row in table.rows}
        reasons[table.segment] |= table.not_back.keys()
    missing = {
        row.source
        for table in FORWARD
        if table.segment in rows
        for row in table.rows
        if row.number not in rows[table.segment] | reasons[table.segment]
    }
    assert missing == set()


def test_every_row_names_a_row_of_the_mapping_of_the_same_field():
    """What claims to invert a row of the guide inverts one that is there."""
    guides = defaultdict(set)
    for table in FORWARD:
        for row in table.rows:
            guides[row.source].add(row.guide)
    wrong = [
        (row.target, row.guide)
        for table in BACK
        if table.segment not in _AHEAD and table.resource not in _AHEAD_OF
        for row in table.rows
        if row.guide not in _OWN
        and not any(guide.startswith(row.guide.replace("-Component", "")) for guide in guides[row.target])
    ]
    assert wrong == []


def test_a_field_has_a_row_or_a_reason_and_not_both():
    """A reason beside a row would be a lie on the page."""
    for segment in {table.segment for table in BACK}:
        tables = [table for table in BACK if table.segment == segment]
        numbers = {row.number for table in tables for row in table.rows}
        assert numbers & {number for table in tables for number in table.not_back} == set(), segment


def test_the_page_is_what_the_rows_say():
    """docs/rendering-rows.md is generated: `python -m shared.rendering.document > docs/rendering-rows.md`."""
    page = Path(__file__).parents[3] / "docs" / "rendering-rows.md"
    assert page.read_text("utf-8") == rendering_page()

"""What a message asks of Azure is counted, not remembered: by the bars of the design, and for the bill."""

from __future__ import annotations

import logging

import pytest

from bench import azure_operations, scale
from bench.azure_operations import GOALS, IN_A_REQUEST, PARTITIONS, count
from bench.scale import COUNTED_ENVELOPE, RECORDED
from bench.stack_cost import stack_of
from shared.observe.log import log
from tests.infra.graph import REPOSITORY


@pytest.fixture(scope="module")
def counted() -> dict[str, float]:
    """Six hundred messages through every stage, over services in memory."""
    return count()


def test_a_message_at_fifty_a_second_asks_no_more_of_azure_than_the_bars_say(counted):
    """Fees, not processor time, are what a naive hub costs: at most 0.15 Service Bus operations, 0.05 executions, 0.5
    table transactions and 0.05 blob writes a message, and under a dollar a million."""
    assert {name: counted[name] for name, bar in GOALS.items() if counted[name] > bar} == {}
    assert scale.at_fifty(scale.counts_of("counted", counted)) < 1


def test_what_goes_well_writes_no_line_for_each_message(counted):
    """A line is kept twice, and weighs twice a message: a million of them cost more than all the rest."""
    assert (counted["log lines"], counted["log bytes"]) == (0.0, 0.0)


def test_a_line_of_any_logger_would_be_counted():
    """A count that hears nothing is no count."""
    lines = azure_operations._Lines()
    try:
        logging.getLogger("of.whatever.library").info("four")
        log("interface_heard", interface="x", count=1)  # by time, in the model
    finally:
        lines.stop()
    assert lines.count == {"log_lines": 1, "log_bytes": 4}


def test_the_bill_is_made_of_what_is_counted(counted):
    """`python -m bench.azure_operations` writes the file; how groups fall together varies by a few in a hundred."""
    recorded = [RECORDED.bus_operations, RECORDED.executions, RECORDED.table_transactions, RECORDED.blob_writes]
    assert recorded == pytest.approx([counted[name] for name in GOALS], rel=0.1)
    assert RECORDED.table_rows == pytest.approx(counted["table rows"], rel=0.1)
    page = (REPOSITORY / "docs" / "scale.md").read_text("utf-8")
    assert ", ".join(f"{each:.3f}" for each in recorded) in page
    assert f"{RECORDED.table_rows:.1f} a message" in page


@pytest.mark.parametrize("name", ["dev", "test"])
def test_a_stack_is_set_as_the_bars_take_it_to_be(name):
    """The bars hold for one partition and instances of 512 MB; elsewhere the same messages cost more."""
    functions = stack_of(name).functions
    assert (functions.partitions, functions.memory_mb) == (PARTITIONS, 512)
    assert IN_A_REQUEST == COUNTED_ENVELOPE == 50 * scale.LINGER_SECONDS


def test_what_production_costs_beyond_the_bars_is_on_the_page():
    """Its instances are larger, for one long message must not starve the others: the page says for how much."""
    functions = stack_of("prod").functions
    assert functions.partitions == PARTITIONS
    size = scale.Size("", 50 * scale.DAY_SECONDS, PARTITIONS, functions.memory_mb, "Premium")
    page = (REPOSITORY / "docs" / "scale.md").read_text("utf-8")
    assert f"`prod` has {functions.memory_mb:,} MB, and so pays ${scale.per_million(size, RECORDED):.2f}" in page

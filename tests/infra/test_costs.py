"""The pages say what the tables of prices and the stacks give, and the model is right where a hand can check it."""

from __future__ import annotations

import dataclasses
import logging
import re
from datetime import UTC, datetime

import pytest
from pydantic.alias_generators import to_camel

from bench import scale
from bench.prices import prices
from bench.scale import GOAL, RECORDED, SIZES, Size, bill, envelope, instances, load
from bench.stack_cost import OTHER_FUNCTIONS, fixed_costs, region_table, stack_of, table
from bench.telemetry import CALL, HEARD, LINE, LINE_AGAIN, weight
from infra import config
from local.functions import HTTP, TIMER, load_functions
from local.ncrontab import parse_schedule
from shared.observe.log import log
from tests.infra.graph import REPOSITORY

FUNCTIONS = load_functions()
DEPLOY = (REPOSITORY / "docs" / "deploy.md").read_text("utf-8")
SCALE = (REPOSITORY / "docs" / "scale.md").read_text("utf-8")


def test_the_pages_have_the_tables_that_the_prices_give():
    """A cost in a page that no table gives is out of date by the next price."""
    assert table() in DEPLOY
    assert scale.cost_table(RECORDED) in SCALE
    assert scale.load_table(RECORDED) in SCALE
    assert region_table() in SCALE
    assert f"dated {prices()['as_of'].isoformat()}" in DEPLOY


def test_what_a_page_says_beside_its_tables_is_what_they_give():
    """A figure in a sentence goes out of date as one in a table does, and nobody looks there."""
    stacks = {
        name: round(sum(line.dollars for line in fixed_costs(stack_of(name)))) for name in ("dev", "test", "prod")
    }
    network = bill(SIZES[1], RECORDED)
    for said in (
        f"{stacks['dev']}, {stacks['test']:,} or {stacks['prod']:,} dollars for each hub",
        f"Fees of ${network.total:.0f} beside ${stacks['prod']:,} for the stack",
        f"Flex Consumption charges ${network.compute:.0f} where one container of a quarter core would do for"
        f" ${scale.container_compute(SIZES[1], RECORDED):.0f}",
        f"is met, by little: ${scale.at_fifty(RECORDED):.2f}",
    ):
        assert said in SCALE


def test_the_readme_has_the_totals():
    """Whoever decides reads that far."""
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    for name in ("dev", "test", "prod"):
        total = sum(line.dollars for line in fixed_costs(stack_of(name)))
        assert f"| {name} | ${total:,.0f} |" in readme


def test_the_budget_of_a_stack_covers_what_it_costs_by_being_there(graph):
    """A budget that is spent on the first of the month warns of nothing."""
    assert graph.stack.monthly_budget > sum(line.dollars for line in fixed_costs(graph.stack))


def test_what_is_counted_in_the_bill_is_what_is_declared(prod):
    """Endpoints, zones and alert rules are priced one by one."""
    drivers = {line.what: line.driver for line in fixed_costs(prod.stack)}
    counts = (len(prod.of("network:PrivateEndpoint")), len(prod.of("privatedns:PrivateZone")))
    assert drivers["private endpoints and names"].startswith("{} endpoints, {} zones".format(*counts))
    assert (len(prod.of("monitor:ScheduledQueryRule")), len(prod.of("monitor:MetricAlert"))) == (9, 5)


def test_in_zones_two_of_each_function_are_ready_and_paid(prod):
    """HTTP functions are one group, each other function scales by itself: the three stages, and what is counted here.

    By hand: three for HTTP as the stack asks, two for each of ten others, at 2 GB for 730 hours and 0.000004 a second.
    """
    assert sum(one.kind != HTTP for one in FUNCTIONS) == 3 + OTHER_FUNCTIONS
    [ready] = [line for line in fixed_costs(prod.stack) if line.what == "functions that are ready"]
    assert ready.dollars == pytest.approx(23 * 2 * 730 * 3600 * 0.000004)


def keys_of(model, prefix=""):
    """Yield every key of a stack's file."""
    for field in dataclasses.fields(model):
        inner = getattr(config, str(field.type).removesuffix(" | None"), None)
        name = prefix + to_camel(field.name)
        if dataclasses.is_dataclass(inner):
            yield from keys_of(inner, f"{name}.")
        else:
            yield name


def test_every_key_of_a_stacks_file_is_on_the_page_and_no_other():
    """A key that is on no page is found by reading code; a row of one that is gone is refused by the stack."""
    rows = [line.split("|")[1] for line in DEPLOY.splitlines() if re.match(r"\| `[a-z]", line)]
    listed = {key for row in rows for key in re.findall(r"`([a-zA-Z.]+)`", row)}
    keys = set(keys_of(config.Stack))
    assert keys - listed == set()
    assert {key for key in listed if "." in key} - keys == set()


def test_an_envelope_holds_what_comes_while_the_connector_waits():
    """50 a second, two seconds, one partition: 100. A clinic's message rides alone; 130 are the most. By hand."""
    assert envelope(Size("", 50 * 86_400, 1, 512, "Standard")) == 100
    assert envelope(SIZES[0]) == 1
    assert envelope(Size("", 86_400 * 10_000, 64, 512, "Premium")) == 130


def test_fees_at_fifty_a_second_are_those_of_a_hand_calculation():
    """A million: 120,000 operations at $0.80 a million are $0.096; 30,000 blob writes at $0.055 for 10,000, $0.165."""
    size = Size("", 50 * 86_400, 1, 512, "Standard")
    millions = size.messages_a_day * scale.MONTH_DAYS / 1e6
    assert bill(size, RECORDED).bus / millions == pytest.approx(0.096)
    assert bill(size, RECORDED).blobs / millions == pytest.approx(0.165)


def test_work_decides_where_much_comes_and_calls_where_little_does():
    """Four functions called every other second are 2 instances; two timers are up one second in thirty, and one in
    300; 10,000 messages a second at 3.87 ms on half-used cores are 77.4."""
    fifty = Size("", 50 * 86_400, 1, 512, "Standard")
    assert instances(fifty, RECORDED) == pytest.approx(4 / 2 + 1 / 30 + 1 / 30 + 1 / 300)
    much = Size("", 10_000 * 86_400, 64, 2048, "Premium")
    assert instances(much, RECORDED) == pytest.approx(10_000 * 0.00387 / 0.5)


def test_every_timer_of_the_hub_is_in_the_bill(graph):
    """One that looks every other second is up half of the time, and nobody sees it: seconds between two looks."""
    given = {one["name"]: one["value"] for one in graph.one("web:WebApp").inputs["siteConfig"]["appSettings"]}
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    looks = 0.0
    for one in (one for one in FUNCTIONS if one.kind == TIMER):
        text = given["CADUCEUS_REPLAY_TIMER"] if one.name == "replay" else one.trigger["schedule"]
        schedule = parse_schedule(text)
        first = schedule.next_after(begun)
        between = (schedule.next_after(first) - first).total_seconds()
        looks += 1 / between if between < 86_400 else 0.0  # once a day is nothing
    assert pytest.approx(looks) == scale.TIMER_CALLS


def test_telemetry_is_weighed_as_a_hand_weighs_it():
    """At 50 a second and 20 interfaces, a second has half a call of the gateway and a third of a line, kept twice."""
    fifty = Size("", 50 * 86_400, 1, 512, "Standard")
    a_second = 0.5 * weight(CALL) + 20 / 60 * (weight(LINE) + weight(LINE_AGAIN) + 2 * 1.25 * len(HEARD))
    silent = dataclasses.replace(RECORDED, log_lines=0.0, log_bytes=0.0)
    assert scale.telemetry_bytes(fifty, silent) == pytest.approx(a_second * scale.MONTH_SECONDS)
    loud = dataclasses.replace(RECORDED, log_lines=1.0, log_bytes=100.0)
    more = scale.telemetry_bytes(fifty, loud) - scale.telemetry_bytes(fifty, silent)
    assert more == pytest.approx(50 * scale.MONTH_SECONDS * (weight(LINE) + weight(LINE_AGAIN) + 250))


def test_a_line_of_an_interface_is_as_long_as_it_is_taken_to_be(caplog):
    """The model weighs a text of its own: it must be that of the code."""
    with caplog.at_level(logging.INFO, logger="caduceus"):
        log("interface_heard", interface="hospital_adt", count=3000)
    assert caplog.messages == [HEARD]


def test_a_message_costs_less_the_more_there_are():
    """What is shared is the point of envelopes."""
    each = [scale.per_million(size, RECORDED) for size in SIZES]
    assert each == sorted(each, reverse=True)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
def test_no_size_asks_more_of_a_tier_than_it_bears(size):
    """A page that recommends a stack which saturates is worse than none."""
    found = load(size, RECORDED)
    assert max(found.instances, found.broker, found.sessions, found.tables, found.ledger) < 1


def test_the_page_says_what_the_budget_row_says():
    """The goal of the design is met by little, and the page says by how much."""
    assert f"${scale.at_fifty(RECORDED):.2f}**" in SCALE
    goal = scale.at_fifty(dataclasses.replace(GOAL, cpu_seconds=RECORDED.cpu_seconds))
    assert f"${goal:.2f} with the operations of the goal" in SCALE

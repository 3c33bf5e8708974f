"""The folders of `interfaces/` make APIs, products, event queues and alerts; nothing about a partner is in `infra/`."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from infra.components.alerts import window_minutes
from infra.components.apis import calls_allowed
from infra.hub import event_destinations, interfaces_of
from shared.registry import load_registry
from tests.infra.graph import REPOSITORY


@pytest.fixture
def registry(graph):
    """The registry of the stack's stage."""
    return load_registry(REPOSITORY / "interfaces", graph.stack.stage)


def test_every_interface_has_its_api_and_its_product(graph, registry):
    """A partner subscribes to its own interface, and can send to no other."""
    paths = {one.inputs["path"] for one in graph.of("apimanagement:Api")}
    others = {"fhir", "", *(["connector"] if graph.stack.relay.connectors else [])}
    assert paths == others | {f"ingest/{one.id}" for one in interfaces_of(registry)}
    joined = {(one.inputs["productId"], one.inputs["apiId"]) for one in graph.of("apimanagement:ProductApi")}
    partners = {
        (f"partner-{one.id.replace('_', '-')}", f"ingest-{one.id.replace('_', '-')}") for one in interfaces_of(registry)
    }
    assert joined == partners | {("clinical", "fhir"), ("operations", "hub")}


def test_an_interface_that_expects_traffic_has_an_alert_on_silence(graph, registry):
    """The feed that stopped on Friday is noticed on Friday."""
    expected = {f"query-silence-{one.id}" for one in interfaces_of(registry) if one.traffic}
    assert {one.name for one in graph.of("monitor:ScheduledQueryRule") if "silence" in one.name} == expected
    assert expected


def test_a_dead_letter_of_any_queue_wakes_somebody(graph):
    """A queue of events has dead letters too: after two weeks, or ten times given back (promise 4)."""
    [criterion] = graph.one("monitor:MetricAlert", "metric-dead-letters").inputs["criteria"]["allOf"]
    [watched] = criterion["dimensions"]
    declared = [one.inputs["queueName"] for one in graph.of("servicebus:Queue")]
    assert sorted(watched["values"]) == sorted(declared)
    assert any(name.startswith("events-") for name in declared)


def test_an_event_that_reached_no_queue_wakes_somebody(graph):
    """Microsoft Learn, "Supported metrics for Microsoft.EventGrid/topics": both counts are summed."""
    topic = graph.one("eventgrid:Topic").id
    rules = [one.inputs for one in graph.of("monitor:MetricAlert") if one.inputs["scopes"] == [topic]]
    criteria = [criterion for rule in rules for criterion in rule["criteria"]["allOf"]]
    assert {one["metricName"] for one in criteria} == {"DeadLetteredCount", "DroppedEventCount"}
    assert {(one["timeAggregation"], one["operator"], one["threshold"]) for one in criteria} == {
        ("Total", "GreaterThan", 0)
    }


def test_no_line_that_an_alert_counts_is_left_out_by_sampling():
    """Azure keeps a share of what a busy hub logs, unless told otherwise: the line left out would be a false alarm."""
    insights = json.loads((REPOSITORY / "host.json").read_text("utf-8"))["logging"]["applicationInsights"]
    assert "Trace" in insights["samplingSettings"]["excludedTypes"].split(";")


def test_the_workbook_counts_by_what_the_hub_says_and_not_by_address(graph):
    """Behind a connector's listener without interface every address is the same."""
    items = json.loads(graph.one("applicationinsights:Workbook").inputs["serializedData"])["items"]
    queries = {item["name"]: item["content"]["query"] for item in items}
    assert "interface_heard" in queries["Messages taken, by interface"]
    assert not any("split(Url" in query or "{" in query for query in queries.values())
    took = queries["Acknowledged within (ms): median, 95 and 99 of 100"]
    assert took.startswith("AppRequests" if graph.stack.gateway.tier == "Consumption" else "ApiManagementGatewayLogs")


def test_silence_is_fewer_than_one_call_in_the_window_the_interface_names(prod):
    """hospital_adt says thirty minutes; the rule looks for the line that ingest writes of it."""
    rule = prod.one("monitor:ScheduledQueryRule", "query-silence-hospital_adt").inputs
    [condition] = rule["criteria"]["allOf"]
    assert rule["windowSize"] == "PT30M"
    assert (condition["operator"], condition["threshold"]) == ("LessThan", 1)
    assert condition["query"].startswith("AppTraces")
    assert condition["query"].endswith('== "interface_heard" and tostring(e.interface) == "hospital_adt"')


@pytest.mark.parametrize(("wanted", "window"), [(1, 5), (30, 30), (31, 45), (61, 120), (1441, 2880), (10_000, 2880)])
def test_a_window_is_one_that_azure_takes_and_long_enough(wanted, window):
    """Azure refuses 31 minutes; 30 would wake somebody for nothing. By hand, from the list of windows."""
    assert window_minutes(wanted) == window


def test_every_event_destination_has_its_queue_and_its_subscription(graph, registry):
    """A destination of kind `event` hears of its messages only through these."""
    names = event_destinations(registry)
    queues = {one.inputs["queueName"] for one in graph.of("servicebus:Queue")}
    assert {f"events-{name}" for name in names} == {name for name in queues if name.startswith("events-")}
    for name in names:
        subscription = graph.one("eventgrid:EventSubscription", f"subscription-{name}").inputs
        assert subscription["deliveryWithResourceIdentity"]["destination"]["resourceId"].endswith(f"/events-{name}")
        [only] = subscription["filter"]["advancedFilters"]
        assert (only["key"], only["operatorType"], only["values"]) == ("data.destination", "StringIn", [name])


def test_a_partner_with_a_certificate_must_show_it_and_others_need_none(prod):
    """Mutual TLS is agreed with each partner; asking everybody would lock out those who have not."""
    asked = {
        one.inputs["apiId"]
        for one in prod.of("apimanagement:ApiPolicy")
        if ElementTree.fromstring(one.inputs["value"]).find("inbound/validate-client-certificate") is not None
    }
    assert asked == {"ingest-hospital-lab"}


def test_calls_allowed_come_from_the_traffic_an_interface_expects(prod):
    """hospital_adt expects 120 an hour: ten times that is 20 a minute, below the least of 60; 28,800 a day. By hand."""
    interfaces = load_registry(REPOSITORY / "interfaces", "prod").interfaces
    assert calls_allowed(interfaces["hospital_adt"]) == (60, 28_800)
    [policy] = [
        one for one in prod.of("apimanagement:ProductPolicy") if one.inputs["productId"] == "partner-hospital-adt"
    ]
    inbound = ElementTree.fromstring(policy.inputs["value"]).find("inbound")
    assert inbound.find("rate-limit").get("calls") == "60"
    assert inbound.find("quota").get("calls") == "28800"


def test_a_retired_interface_is_not_offered(graph, registry):
    """It takes nothing; an address that only refuses invites somebody to keep trying."""
    assert all(one.lifecycle != "retired" for one in interfaces_of(registry))

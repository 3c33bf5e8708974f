"""What is deployed fits what runs in it: queues, settings, routes and time limits, on both sides."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from infra.components.messaging import STAGE_QUEUES
from infra.deployment.actions import HUB_KEY
from infra.gateway.operations import CACHEABLE, FHIR, HUB, INGEST
from local.functions import HTTP, QUEUE, TIMER, load_functions
from local.ncrontab import parse_schedule
from shared.adapters.azure.open import CONTAINER, TABLES
from shared.adapters.local import secrets
from shared.app.recovery import TURN
from shared.settings import ROWS, read_settings
from tests.infra.graph import REPOSITORY

FUNCTIONS = load_functions()
HOST = json.loads((REPOSITORY / "host.json").read_text("utf-8"))


def settings_of(graph):
    """Return the settings of the Function App."""
    return {one["name"]: one["value"] for one in graph.one("web:WebApp").inputs["siteConfig"]["appSettings"]}


def test_every_queue_that_a_function_takes_is_there_and_no_other(graph):
    """A function without its queue does not start, and says so in a log nobody reads yet."""
    taken = {one.trigger["queueName"].partition("/")[0] for one in FUNCTIONS if one.kind == QUEUE}
    declared = {one.inputs["queueName"] for one in graph.of("servicebus:Queue")}
    assert taken == set(STAGE_QUEUES)
    assert {name for name in declared if not name.startswith("events-")} == taken


def test_sessions_are_where_a_function_asks_for_them(graph):
    """A session function on a queue without sessions fails at each message, and the other way round."""
    asked = {
        one.trigger["queueName"]: bool(one.trigger.get("isSessionsEnabled"))
        for one in FUNCTIONS
        if one.kind == QUEUE and "/" not in one.trigger["queueName"]
    }
    declared = {one.inputs["queueName"]: one.inputs.get("requiresSession") for one in graph.of("servicebus:Queue")}
    assert {name: declared[name] for name in asked} == asked


def test_every_connection_of_a_trigger_is_set_and_signs_in(graph):
    """A connection is a prefix of settings; a part that is missing shows as "no connection string" in Azure."""
    given = settings_of(graph)
    connections = {one.trigger["connection"] for one in FUNCTIONS if one.kind == QUEUE}
    assert connections == {"SERVICE_BUS"}
    assert given["SERVICE_BUS__fullyQualifiedNamespace"] == f"sb-contoso-{graph.stack.stage}.servicebus.windows.net"
    for connection in {*connections, "AzureWebJobsStorage"}:
        assert given[f"{connection}__credential"] == "managedidentity"
        assert given[f"{connection}__clientId"] == "client of identity-hub"


def test_every_placeholder_of_a_binding_is_a_setting(graph):
    """``%NAME%`` in a binding is looked up when the host starts; a missing one stops it."""
    bindings = json.dumps([dict(one.trigger) for one in FUNCTIONS], default=str)
    assert set(re.findall(r"%([A-Za-z_]+)%", bindings)) <= set(settings_of(graph))


def test_the_hub_starts_with_the_settings_it_is_given(graph):
    """A missing or unreadable one stops the start; here it stops the deployment."""
    settings = read_settings(settings_of(graph))
    assert (settings.adapters, settings.stage) == ("azure", graph.stack.stage)


def test_every_setting_of_the_hub_is_one_it_reads(graph):
    """A misspelt name is a setting nobody reads."""
    ours = {name for name in settings_of(graph) if name.startswith("CADUCEUS_")}
    assert ours <= {row.variable for row in ROWS.values()}


def test_the_tables_of_the_adapters_are_there(graph):
    """The hub may read and write rows; that it may make a table is nothing to rely on."""
    assert {one.inputs["tableName"] for one in graph.of("storage:Table")} == set(TABLES)
    assert CONTAINER in {one.inputs["containerName"] for one in graph.of("storage:BlobContainer")}


def test_no_setting_is_a_key(graph):
    """What the portal shows to everyone with a reader's role must open nothing."""
    words = ("key=", "password", "sig=")
    found = [name for name, value in settings_of(graph).items() if any(word in value.lower() for word in words)]
    assert found == ["APPLICATIONINSIGHTS_CONNECTION_STRING"]  # names a place; ingestion asks for Entra


def test_a_lock_outlasts_a_delivery_and_renewal_outlasts_the_lock(graph):
    """Rule R9: a worker that lost its lock would work beside its successor."""
    renewal = HOST["extensions"]["serviceBus"]["maxAutoLockRenewalDuration"]
    hours, minutes, seconds = map(int, renewal.split(":"))
    for one in graph.of("servicebus:Queue"):
        if one.inputs["queueName"] in STAGE_QUEUES:
            lock = timedelta(minutes=int(re.fullmatch(r"PT(\d+)M", one.inputs["lockDuration"])[1]))
            assert lock <= timedelta(hours=hours, minutes=minutes, seconds=seconds)


def test_what_runs_by_itself_says_what_it_has_to_say_and_no_more():
    """The host's own two lines for each execution cost more than the execution; what the hub logs is kept.

    Stages and timers, and ingest; what runs once a night, or for a dead letter, may say that it did.
    """
    levels = HOST["logging"]["logLevel"]
    taken = {one.name for one in FUNCTIONS if one.kind == QUEUE and one.trigger["queueName"] in STAGE_QUEUES}
    timers = {one.name for one in FUNCTIONS if one.kind == TIMER} - {"purge"}
    busy = {"ingest", *taken, *timers}
    functions = {name: level for name, level in levels.items() if name.startswith("Function.")}
    assert functions == {f"Function.{name}": "Warning" for name in busy} | {
        f"Function.{name}.User": "Information" for name in busy
    }


def test_a_replay_is_worked_on_until_the_timer_comes_again(graph):
    """Each look is paid, so the timer comes seldom: a replay that then stood still would take a day for an hour's."""
    schedule = parse_schedule(settings_of(graph)["CADUCEUS_REPLAY_TIMER"])
    first = schedule.next_after(datetime(2026, 1, 1, tzinfo=UTC))
    between = schedule.next_after(first) - first
    assert between * 0.9 <= TURN < between


def test_what_went_well_is_no_row_and_what_failed_is_one():
    """`Host.Results` at `Error` keeps failed executions (Microsoft Learn, "Configure monitoring"); the aggregator's
    rows repeat what Azure measures for nothing, and the host's own SDK speaks of every request."""
    levels = HOST["logging"]["logLevel"]
    assert {name: levels[name] for name in levels if not name.startswith("Function.")} == {
        "default": "Information", "Host.Results": "Error", "Host.Aggregator": "Warning", "Azure": "Warning",
    }  # fmt: skip
    insights = HOST["logging"]["applicationInsights"]
    assert not insights["enableDependencyTracking"]
    assert not insights["enablePerformanceCountersCollection"]


def test_the_gateway_offers_the_routes_of_the_hub_and_no_others():
    """A route that is not offered is unreachable for operators; an offered one that is gone answers 404.

    A new route of the hub gets its row in `infra/gateway/operations.py`. The console is for the private network.
    """
    served = {
        f"{method} /{one.trigger['route']}"
        for one in FUNCTIONS
        if one.kind == HTTP
        for method in one.trigger["methods"]
    }
    offered = {f"{one.method} {one.path}" for one in HUB} | {f"{one.method} /fhir{one.path}" for one in FHIR}
    offered |= {f"{INGEST.method} /ingest/{{interface?}}"}
    assert served - {"GET /console/{file?}"} == offered


def test_only_answers_without_a_patient_are_kept_by_the_gateway():
    """A cache is a copy that no audit sees. This list grows by a decision only."""
    assert {"interfaces"} == CACHEABLE


def test_always_ready_instances_are_of_functions_that_exist(graph):
    """A misspelt name costs money and warms nothing. Functions with HTTP triggers are one group, ``http``."""
    ready = graph.one("web:WebApp").inputs["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"]
    known = {"http"} | {f"function:{one.name}" for one in FUNCTIONS if one.kind != HTTP}
    assert {one["name"] for one in ready} <= known


def test_production_answers_ingest_without_a_cold_start(prod):
    """A sender waits for its acknowledgement; three instances are one for each zone."""
    ready = prod.one("web:WebApp").inputs["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"]
    assert {"name": "http", "instanceCount": 3} in ready


def test_the_hubs_key_is_the_one_the_hub_looks_for():
    """Two names for it would be two keys, and every resource id would change."""
    assert HUB_KEY == secrets.HUB_KEY


def test_the_page_says_how_many_functions_the_package_has():
    """What is said to be proved is proved of this hub, and not of one that was half as large."""
    page = (REPOSITORY / "docs" / "deploy.md").read_text("utf-8")
    assert f", {len(FUNCTIONS)} functions;" in page

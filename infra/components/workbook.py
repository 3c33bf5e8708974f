"""The operators' page in the Azure portal: how much, how fast, what waits, what failed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import orjson
import pulumi
from pulumi_azure_native import applicationinsights

from infra.components.observability import Observability
from infra.place import Place, child

_EVENTS = "AppTraces | extend e = parse_json(Message) | extend event = tostring(e.event)"

# The gateway's own word of each call: its log, and where it has none Application Insights. In milliseconds.
_CALLS = {
    True: 'ApiManagementGatewayLogs | where ApiId startswith "ingest" or ApiId == "connector"'
    " | project TimeGenerated, took = TotalTime",
    False: 'AppRequests | where Url has "/ingest" or Url has "/connector" | project TimeGenerated, took = DurationMs',
}

# Title, query, how it is drawn.
TILES: Sequence[tuple[str, str, str]] = (
    (
        "Messages taken, by interface",
        # Not by address: where the message's header decides, no address names the interface.
        f'{_EVENTS} | where event == "interface_heard"'
        " | summarize messages = sum(tolong(e.count)) by interface = tostring(e.interface), bin(TimeGenerated, 15m)",
        "timechart",
    ),
    (
        "Acknowledged within (ms): median, 95 and 99 of 100",
        "{calls} | summarize percentiles(took, 50, 95, 99) by bin(TimeGenerated, 15m)",
        "timechart",
    ),
    (
        "Executions that failed, by function",
        "AppRequests | where Success == false | summarize failures = count(), last = max(TimeGenerated) by Name",
        "table",
    ),
    (
        "What went to quarantine, by code: each has a runbook",
        f'{_EVENTS} | where event == "message_quarantined" | summarize count() by code = tostring(e.code)',
        "table",
    ),
    (
        "Destinations that do not answer",
        f'{_EVENTS} | where event == "breaker_opened" | summarize last = max(TimeGenerated), times = count()'
        " by destination = tostring(e.destination)",
        "table",
    ),
    (
        "Waiting in the queues of the stages",
        'AzureMetrics | where MetricName in ("ActiveMessages", "DeadletteredMessages")'
        " | summarize max(Maximum) by MetricName, bin(TimeGenerated, 15m)",
        "timechart",
    ),
)


class Workbook(pulumi.ComponentResource):
    """One workbook over the workspace."""

    def __init__(self, place: Place, observability: Observability, *, gateway_has_logs: bool) -> None:
        super().__init__("caduceus:Workbook", "workbook")
        applicationinsights.Workbook(
            "workbook",
            resource_group_name=place.group,
            resource_name_=str(uuid.uuid5(uuid.NAMESPACE_URL, place.names.of("workbook"))),
            location=place.stack.location,
            kind="shared",
            category="workbook",
            display_name=f"Caduceus {place.stack.stage}",
            source_id=observability.workspace.id,
            serialized_data=observability.workspace.id.apply(lambda id_: workbook_json(id_, _CALLS[gateway_has_logs])),
            tags=place.tags,
            opts=child(self),
        )
        self.register_outputs({})


def workbook_json(workspace: str, calls: str) -> str:
    """Return the workbook's content.

    Args:
        calls: The query that says how long each call of ingest ``took``.
    """
    tiles = [
        {
            "type": 3,
            "name": title,
            "content": {
                "version": "KqlItem/1.0",
                "title": title,
                "query": query.replace("{calls}", calls),
                "queryType": 0,
                "resourceType": "microsoft.operationalinsights/workspaces",
                "crossComponentResources": [workspace],
                "timeContext": {"durationMs": 86_400_000},
                "visualization": drawn,
                "size": 0,
            },
        }
        for title, query, drawn in TILES
    ]
    return orjson.dumps({"version": "Notebook/1.0", "items": tiles, "$schema": _SCHEMA}).decode()


_SCHEMA = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"

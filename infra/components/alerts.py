"""What wakes somebody: dead letters, failures, and interfaces that fell silent."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import consumption, eventgrid, monitor, servicebus

from infra.components.observability import Observability
from infra.place import Place, child
from shared.registry import Interface

# Windows that Azure takes for a log alert, in minutes (Microsoft.Insights/scheduledQueryRules).
_WINDOWS = (5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1440, 2880)
CRITICAL, ERROR, WARNING = 0, 1, 2
_EVENT = 'AppTraces | extend e = parse_json(Message) | where tostring(e.event) == "{}"'


class Alerts(pulumi.ComponentResource):
    """One action group, and the rules that use it."""

    def __init__(self, place: Place, observability: Observability) -> None:
        super().__init__("caduceus:Alerts", "alerts")
        self._place, self._workspace = place, observability.workspace
        self.group = monitor.ActionGroup(
            "on-call",
            resource_group_name=place.group,
            action_group_name=place.names.of("ag"),
            location="Global",
            group_short_name="caduceus",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name=f"mail-{n}", email_address=address, use_common_alert_schema=True
                )
                for n, address in enumerate(place.stack.alert_emails, 1)
            ],
            tags=place.tags,
            opts=child(self),
        )
        self.register_outputs({})

    def watch_broker(self, namespace: servicebus.Namespace, stages: Sequence[str], events: Sequence[str]) -> None:
        """A dead letter of a stage is a fault of ours (rule R5); a queue that grows is a hub that falls behind.

        A dead letter of an event is a subscriber that did not come for it, or gave it back too often.
        """
        every, ours = {"EntityName": [*stages, *events]}, {"EntityName": list(stages)}
        self._metric("dead-letters", CRITICAL, namespace, "DeadletteredMessages", ("Maximum", 0), every)
        self._metric("backlog", WARNING, namespace, "ActiveMessages", ("Average", 1000), ours)
        self._metric("throttled", WARNING, namespace, "ThrottledRequests", ("Total", 10), {})

    def watch_events(self, topic: eventgrid.Topic) -> None:
        """An event that reached no queue lies in a container nobody looks into; one that was dropped is gone."""
        self._metric("events-undelivered", ERROR, topic, "DeadLetteredCount", ("Total", 0), {})
        self._metric("events-dropped", CRITICAL, topic, "DroppedEventCount", ("Total", 0), {})

    def watch_codes(self) -> None:
        """What the hub logs when it needs a person."""
        self._query("quarantined", ERROR, _EVENT.format("message_quarantined"), minutes=15, below=None)
        self._query("dead-letters-recorded", CRITICAL, _EVENT.format("dead_letters"), minutes=15, below=None)
        self._query("breaker-open", WARNING, _EVENT.format("breaker_opened"), minutes=15, below=None)
        # A timer writes the first three every five minutes, for as long as they are so. One rule for all: each is paid.
        events = "AppTraces | extend e = parse_json(Message) | where tostring(e.event) in ({})"
        names = ("connector_silent", "certificate_expiring", "mirror_behind", "stream_out_of_step")
        connectors = events.format(", ".join(f'"{name}"' for name in names))
        self._query("connectors", ERROR, connectors, minutes=15, below=None)
        # Failed executions (host.json keeps no others) and the gateway's 5xx: senders keep theirs, but not for ever.
        self._query("hub-fails", ERROR, 'AppRequests | where ResultCode startswith "5"', minutes=5, below=None)
        self._query("unhealthy", CRITICAL, _EVENT.format("check_failed"), minutes=15, below=None)

    def watch_silence(self, interfaces: Sequence[Interface]) -> None:
        """An interface that usually speaks and does not is as broken as one that fails."""
        for one in interfaces:
            if one.traffic is not None:
                # The hub's own word, not the address: where the header decides, no address names the interface.
                said = _EVENT.format("interface_heard") + f' and tostring(e.interface) == "{one.id}"'
                self._query(f"silence-{one.id}", ERROR, said, window_minutes(one.traffic.silent_after_minutes), below=1)

    def watch_bill(self, subscription: str, month: str) -> None:
        """Mail at 80 % of the month's budget, and when its end is forecast to be above it.

        Args:
            month: First day of the month in which the budget begins; it keeps it.
        """
        stack, emails = self._place.stack, list(self._place.stack.alert_emails)

        def mail(kind: str, percent: int) -> consumption.NotificationArgs:
            return consumption.NotificationArgs(
                enabled=True, operator="GreaterThan", threshold=percent, threshold_type=kind, contact_emails=emails
            )

        consumption.Budget(
            "budget",
            scope=pulumi.Output.concat(f"/subscriptions/{subscription}/resourceGroups/", self._place.group),
            budget_name=self._place.names.of("budget"),
            category="Cost",
            amount=stack.monthly_budget,
            time_grain="Monthly",
            time_period=consumption.BudgetTimePeriodArgs(start_date=month),
            notifications={"spent-80": mail("Actual", 80), "forecast-100": mail("Forecasted", 100)},
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["timePeriod"]),
        )

    def _metric(
        self,
        name: str,
        severity: int,
        resource: pulumi.CustomResource,
        metric: str,
        limit: tuple[str, float],
        dimensions: dict[str, list[str]],
    ) -> None:
        aggregation, threshold = limit
        criterion = monitor.MetricCriteriaArgs(
            criterion_type="StaticThresholdCriterion",
            name=name,
            metric_name=metric,
            time_aggregation=aggregation,
            operator="GreaterThan",
            threshold=threshold,
            dimensions=[
                monitor.MetricDimensionArgs(name=key, operator="Include", values=values)
                for key, values in dimensions.items()
            ],
        )
        monitor.MetricAlert(
            f"metric-{name}",
            resource_group_name=self._place.group,
            rule_name=f"{self._place.names.of('alert')}-{name}",
            location="global",
            severity=severity,
            enabled=True,
            scopes=[resource.id],
            evaluation_frequency="PT5M",
            window_size="PT5M",
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", all_of=[criterion]
            ),
            actions=[monitor.MetricAlertActionArgs(action_group_id=self.group.id)],
            tags=self._place.tags,
            opts=child(self),
        )

    def _query(self, name: str, severity: int, query: str, minutes: int, below: int | None) -> None:
        """Ask the workspace: alert when there are rows, or, with ``below``, when there are fewer than that."""
        condition = monitor.ConditionArgs(
            query=query,
            time_aggregation="Count",
            operator="GreaterThan" if below is None else "LessThan",
            threshold=0 if below is None else below,
            failing_periods=monitor.ConditionFailingPeriodsArgs(
                number_of_evaluation_periods=1, min_failing_periods_to_alert=1
            ),
        )
        monitor.ScheduledQueryRule(
            f"query-{name}",
            resource_group_name=self._place.group,
            rule_name=f"{self._place.names.of('alert')}-{name}",
            location=self._place.stack.location,
            kind="LogAlert",
            display_name=name,
            severity=severity,
            enabled=True,
            scopes=[self._workspace.id],
            evaluation_frequency=_period(min(minutes, 15)),
            window_size=_period(minutes),
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(all_of=[condition]),
            actions=monitor.ActionsArgs(action_groups=[self.group.id]),
            auto_mitigate=True,
            # A new workspace has no table until something is written into it, and the rule would be refused.
            skip_query_validation=True,
            tags=self._place.tags,
            opts=child(self),
        )


def window_minutes(wanted: float) -> int:
    """Return the window Azure takes that is long enough; two days are the longest."""
    return next((window for window in _WINDOWS if window >= wanted), _WINDOWS[-1])


def _period(minutes: int) -> str:
    if minutes >= 1440:
        return f"P{minutes // 1440}D"
    return f"PT{minutes // 60}H" if minutes % 60 == 0 else f"PT{minutes}M"

"""Where telemetry goes: one workspace, one Application Insights, and a diagnostic setting for every service."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from infra.place import Place, child


class Observability(pulumi.ComponentResource):
    """The workspace and Application Insights; neither takes a key."""

    workspace: operationalinsights.Workspace
    insights: applicationinsights.Component

    def __init__(self, place: Place) -> None:
        super().__init__("caduceus:Observability", "observability")
        logs = place.stack.logs
        self.workspace = operationalinsights.Workspace(
            "workspace",
            resource_group_name=place.group,
            workspace_name=place.names.of("log"),
            location=place.stack.location,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=logs.retention_days,
            workspace_capping=operationalinsights.WorkspaceCappingArgs(daily_quota_gb=logs.daily_cap_gb),
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
            tags=place.tags,
            opts=child(self),
        )
        self.insights = applicationinsights.Component(
            "insights",
            resource_group_name=place.group,
            resource_name_=place.names.of("appi"),
            location=place.stack.location,
            kind="web",
            application_type="web",
            ingestion_mode="LogAnalytics",
            workspace_resource_id=self.workspace.id,
            disable_local_auth=True,
            tags=place.tags,
            opts=child(self),
        )
        self.register_outputs({})

    def diagnose(self, name: str, resource: pulumi.CustomResource, *, has_metrics: bool = False) -> None:
        """Send what a service logs to the workspace; its metrics where a page reads them there, for each is paid.

        Azure keeps metrics for three months by itself.
        """
        monitor.DiagnosticSetting(
            f"diagnose-{name}",
            resource_uri=resource.id,
            name="to-workspace",
            workspace_id=self.workspace.id,
            log_analytics_destination_type="Dedicated",
            logs=[monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)],
            metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)] if has_metrics else [],
            opts=child(self),
        )

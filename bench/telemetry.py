"""What a hub's telemetry weighs: rows as the workspace keeps them, in bytes that Azure bills, and how many there are.

A row's columns are those of Azure Monitor's table reference, filled as a hub fills them. Its weight is that of its
JSON, names included, which is more than Azure counts: values alone (Microsoft Learn, "Azure Monitor Logs cost
calculations"). What writes rows: `host.json` keeps failed executions only, the hub writes lines for what an operator
may need, the gateway one row for each call. Lines are counted by `bench/azure_operations.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

_GUID, _TRACE, _SPAN = "0af76519-16cd-43dd-8448-eb211c80319c", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
_NOW = "2026-11-29T21:15:39.1234567Z"
_OF_ALL: Mapping[str, object] = {"TenantId": _GUID, "TimeGenerated": _NOW, "SourceSystem": "Azure"}

# Columns that every row of Application Insights has.
_OF_AN_APP: Mapping[str, object] = {
    **_OF_ALL, "OperationName": "ingest", "OperationId": _TRACE, "ParentId": _SPAN, "AppRoleName": "func-contoso-prod",
    "AppRoleInstance": _TRACE * 2, "AppVersion": "", "ClientType": "PC", "ClientIP": "0.0.0.0", "ClientCity": "",
    "ClientStateOrProvince": "", "ClientCountryOrRegion": "", "ClientBrowser": "", "ClientModel": "", "ClientOS": "",
    "SessionId": "", "UserId": "", "UserAccountId": "", "UserAuthenticatedId": "", "SyntheticSource": "",
    "ResourceGUID": _GUID, "IKey": _GUID, "SDKVersion": "azurefunctions: 4.1041.200.25360", "ItemCount": 1,
    "ReferencedItemId": _GUID, "ReferencedType": "",
}  # fmt: skip

LINE: Mapping[str, object] = {
    **_OF_AN_APP, "SeverityLevel": 1, "Measurements": {}, "Message": "",
    "Properties": {
        "InvocationId": _GUID, "HostInstanceId": _GUID, "ProcessId": "31", "Category": "Function.ingest.User",
        "LogLevel": "Information", "prop__{OriginalFormat}": "",
    },
}  # fmt: skip

# The Function App's own log, which the diagnostic setting sends too: every line is there a second time.
LINE_AGAIN: Mapping[str, object] = {
    **_OF_ALL, "Category": "Function.ingest.User", "FunctionName": "ingest", "FunctionInvocationId": _GUID,
    "HostInstanceId": _GUID, "HostVersion": "4.1041.200.25360", "AppName": "func-contoso-prod", "ActivityId": _GUID,
    "Level": "Information", "LevelId": 2, "Location": "West Europe", "ProcessId": 31, "RoleInstance": _TRACE,
    "ExceptionDetails": "", "ExceptionMessage": "", "ExceptionType": "", "EventId": 0, "EventName": "", "Message": "",
}  # fmt: skip

CALL: Mapping[str, object] = {
    **_OF_ALL, "OperationName": "Microsoft.ApiManagement/GatewayLogs", "CorrelationId": _GUID, "Region": "West Europe",
    "IsRequestSuccess": True, "Category": "GatewayLogs", "TotalTime": 112, "CallerIpAddress": "203.0.113.10",
    "Method": "POST", "Url": "https://apim-contoso-prod.azure-api.net/connector/ingest/hospital_adt",
    "BackendMethod": "POST", "BackendUrl": "https://func-contoso-prod.azurewebsites.net/ingest/hospital_adt",
    "ResponseCode": 200, "BackendResponseCode": 200, "ResponseSize": 9000, "RequestSize": 100_000, "Cache": "none",
    "CacheTime": 0, "BackendTime": 104, "ClientTime": 3, "ApiId": "connector", "OperationId": "ingest",
    "ProductId": "", "UserId": "", "ApimSubscriptionId": "", "BackendId": "hub", "ApiRevision": "1",
    "ClientProtocol": "HTTP/1.1", "BackendProtocol": "HTTP/1.1", "ClientTlsVersion": "1.3", "ClientCipherSuite": "",
    "LastErrorElapsed": 0, "LastErrorSource": "", "LastErrorScope": "", "LastErrorSection": "", "LastErrorReason": "",
    "LastErrorMessage": "", "TraceRecords": "", "Errors": "", "RequestHeaders": "", "ResponseHeaders": "",
    "BackendRequestHeaders": "", "BackendResponseHeaders": "", "RequestBody": "", "ResponseBody": "",
    "BackendRequestBody": "", "BackendResponseBody": "", "DeploymentVersion": "0.48.23215.0",
    "WorkspaceId": "",
}  # fmt: skip

METRIC: Mapping[str, object] = {
    **_OF_ALL, "ResourceId": "/SUBSCRIPTIONS/" + _GUID + "/RESOURCEGROUPS/RG-CONTOSO-PROD/PROVIDERS/"
    "MICROSOFT.SERVICEBUS/NAMESPACES/SB-CONTOSO-PROD", "OperationName": "", "CallerIpAddress": "", "CorrelationId": "",
    "MetricName": "DeadletteredMessages", "Total": 0.0, "Count": 1.0, "Maximum": 0.0, "Minimum": 0.0, "Average": 0.0,
    "TimeGrain": "PT1M", "UnitName": "Count", "RemoteIPCountry": "", "RemoteIPLatitude": 0.0,
    "RemoteIPLongitude": 0.0, "MaliciousIP": "", "IndicatorThreatType": "", "Description": "", "TLPLevel": "",
    "Confidence": "", "Severity": 0, "FirstReportedDateTime": "", "LastReportedDateTime": "", "IsActive": "",
    "ReportReferenceLink": "", "AdditionalInformation": "", "ResourceProvider": "MICROSOFT.SERVICEBUS",
}  # fmt: skip

BROKER_METRICS = 26  # of a namespace, one row each a minute (Microsoft Learn, "Supported metrics", Service Bus)
HEARD_EVERY_SECONDS = 60  # shared/ingest/traffic.py: a line for each interface
HEARD = '{"event":"interface_heard","interface":"hospital_adt","count":3000}'


def weight(row: Mapping[str, object]) -> int:
    """Return the bytes of a row."""
    return len(json.dumps(row, separators=(",", ":")))


def line_bytes(message_bytes: float, lines: float = 1.0) -> float:
    """Return what lines weigh whose texts have so many bytes together; each is kept twice."""
    text_bytes = 1.25 * message_bytes  # JSON in JSON: its quotes are escaped
    return 2 * text_bytes + lines * (weight(LINE) + weight(LINE_AGAIN))


def heard_bytes_a_second(interfaces: int) -> float:
    """Return what the lines weigh that interfaces write while they speak."""
    return interfaces * line_bytes(len(HEARD)) / HEARD_EVERY_SECONDS


def broker_metrics_bytes_a_month(month_seconds: float) -> float:
    """Return what the broker's metrics weigh, whether anything happens or not."""
    return BROKER_METRICS * month_seconds / 60 * weight(METRIC)

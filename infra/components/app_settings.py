"""What the Function App is told: addresses and identities; never a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the hub reaches, as it is told.

    Attributes:
        client_id: Of the hub's identity, which signs in everywhere.
        host_account: Name of the account that the Functions host keeps its own things in.
        service_bus: Name of the namespace in the network.
        insights: Connection string of Application Insights; it names a place and is no secret.
    """

    client_id: pulumi.Output[str]
    host_account: pulumi.Output[str]
    tables: pulumi.Output[str]
    blobs: pulumi.Output[str]
    service_bus: pulumi.Output[str]
    event_topic: pulumi.Output[str]
    key_vault: pulumi.Output[str]
    insights: pulumi.Output[str]
    fhir: pulumi.Output[str]


def app_settings(stage: str, partitions: int, around: Surroundings) -> Mapping[str, pulumi.Input[str]]:
    """Return the settings of the Function App: the host's own, then the rows of `shared/settings.py`."""
    return {
        "AZURE_CLIENT_ID": around.client_id,
        "AzureWebJobsStorage__accountName": around.host_account,
        **_signed_in("AzureWebJobsStorage", around.client_id),
        # `connection="SERVICE_BUS"` in functions/; the hub's own sender reads the first of them too.
        "SERVICE_BUS__fullyQualifiedNamespace": around.service_bus,
        **_signed_in("SERVICE_BUS", around.client_id),
        "APPLICATIONINSIGHTS_CONNECTION_STRING": around.insights,
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": around.client_id.apply(
            lambda client: f"ClientId={client};Authorization=AAD"
        ),
        "CADUCEUS_ADAPTERS": "azure",
        "CADUCEUS_STAGE": stage,
        "CADUCEUS_PARTITIONS": str(partitions),
        "CADUCEUS_REPLAY_TIMER": "*/30 * * * * *",  # each look is billed for a second at least (decision 0142)
        "CADUCEUS_TABLES": around.tables,
        "CADUCEUS_BLOBS": around.blobs,
        "CADUCEUS_EVENT_TOPIC": around.event_topic,
        "CADUCEUS_KEY_VAULT": around.key_vault,
        "CADUCEUS_FHIR": around.fhir,
    }


def _signed_in(connection: str, client_id: pulumi.Output[str]) -> dict[str, pulumi.Input[str]]:
    return {f"{connection}__credential": "managedidentity", f"{connection}__clientId": client_id}

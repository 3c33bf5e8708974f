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
        insights: Connection string of Application Insights; it names a place and is no secret.
        relay: Name of the Relay namespace in the network.
        fhir: Base URL of the FHIR store.
    """

    client_id: pulumi.Output[str]
    host_account: pulumi.Output[str]
    data_account: pulumi.Output[str]
    service_bus: pulumi.Output[str]
    topic: pulumi.Output[str]
    vault: pulumi.Output[str]
    insights: pulumi.Output[str]
    relay: pulumi.Output[str]
    fhir: pulumi.Output[str]


def app_settings(stage: str, around: Surroundings) -> Mapping[str, pulumi.Input[str]]:
    """Return the settings of the Function App: the host's own, then the rows of `shared/settings.py`."""
    return {
        "AZURE_CLIENT_ID": around.client_id,
        "AzureWebJobsStorage__accountName": around.host_account,
        **_signed_in("AzureWebJobsStorage", around.client_id),
        # `connection="SERVICE_BUS"` in functions/.
        "SERVICE_BUS__fullyQualifiedNamespace": around.service_bus,
        **_signed_in("SERVICE_BUS", around.client_id),
        "APPLICATIONINSIGHTS_CONNECTION_STRING": around.insights,
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": around.client_id.apply(
            lambda client: f"ClientId={client};Authorization=AAD"
        ),
        "PYTHON_ENABLE_INIT_INDEXING": "1",
        "CADUCEUS_ADAPTERS": "azure",
        "CADUCEUS_STAGE": stage,
        "CADUCEUS_SERVICE_BUS": around.service_bus,
        "CADUCEUS_STORAGE_ACCOUNT": around.data_account,
        "CADUCEUS_EVENT_GRID": around.topic,
        "CADUCEUS_KEY_VAULT": around.vault,
        "CADUCEUS_RELAY": around.relay,
        "CADUCEUS_FHIR_URL": around.fhir,
    }


def _signed_in(connection: str, client_id: pulumi.Output[str]) -> dict[str, pulumi.Input[str]]:
    return {f"{connection}__credential": "managedidentity", f"{connection}__clientId": client_id}

"""A wrong or missing setting stops the start and names itself."""

from __future__ import annotations

import pytest

from shared.message.errors.configuration import SettingInvalid
from shared.settings import read_settings

AZURE = {
    "CADUCEUS_ADAPTERS": "azure",
    "CADUCEUS_STAGE": "prod",
    "CADUCEUS_TABLES": "https://hub.table.core.windows.net/",
    "CADUCEUS_BLOBS": "https://hub.blob.core.windows.net",
    "SERVICE_BUS__fullyQualifiedNamespace": "hub.servicebus.windows.net",
    "CADUCEUS_EVENT_TOPIC": "https://hub.westeurope-1.eventgrid.azure.net/api/events",
    "CADUCEUS_KEY_VAULT": "https://hub.vault.azure.net",
    "CADUCEUS_FHIR": "https://hub-fhir.fhir.azurehealthcareapis.com",
}
EMULATOR = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=KEY;TableEndpoint=http://127.0.0.1:10002/"
)


def test_a_deployment_in_azure_is_described_by_its_endpoints() -> None:
    """No keys: the hub signs in as itself."""
    settings = read_settings(AZURE)
    assert (settings.tables, settings.service_bus) == (
        "https://hub.table.core.windows.net",
        "hub.servicebus.windows.net",
    )
    assert settings.fhir_writes == "transaction"


@pytest.mark.parametrize("variable", [name for name in AZURE if name not in ("CADUCEUS_ADAPTERS", "CADUCEUS_STAGE")])
def test_what_is_missing_in_azure_stops_the_start(variable: str) -> None:
    """Found missing when the first message comes, it would be found at night."""
    with pytest.raises(SettingInvalid, match=variable):
        read_settings({name: text for name, text in AZURE.items() if name != variable})


@pytest.mark.parametrize("stage", ["dev", "test", "prod"])
@pytest.mark.parametrize("variable", ["CADUCEUS_STORAGE_EMULATOR", "SERVICE_BUS"])
def test_a_connection_string_is_refused_everywhere_but_on_a_laptop(stage: str, variable: str) -> None:
    """A key in an app setting is a key in a screenshot."""
    with pytest.raises(SettingInvalid, match=variable):
        read_settings({**AZURE, "CADUCEUS_STAGE": stage, variable: EMULATOR})


def test_a_connection_string_of_azure_itself_is_refused_and_not_repeated() -> None:
    """On a laptop, too; and an error that holds a key would be the leak."""
    real = "Endpoint=sb://hub.servicebus.windows.net/;SharedAccessKey=c2VjcmV0"
    with pytest.raises(SettingInvalid, match="SERVICE_BUS") as refused:
        read_settings({**AZURE, "CADUCEUS_STAGE": "laptop", "SERVICE_BUS": real})
    assert "c2VjcmV0" not in str(refused.value)


def test_emulators_stand_in_on_a_laptop() -> None:
    """`func start` on a developer's machine: events reach nobody, secrets are files."""
    settings = read_settings(
        {
            "CADUCEUS_ADAPTERS": "azure",
            "CADUCEUS_STAGE": "laptop",
            "CADUCEUS_STORAGE_EMULATOR": EMULATOR,
            "SERVICE_BUS": "Endpoint=sb://127.0.0.1;UseDevelopmentEmulator=true;",
            "CADUCEUS_FHIR": "http://127.0.0.1:8080/fhir",
        }
    )
    assert settings.storage_emulator == EMULATOR


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("CADUCEUS_TABLES", "http://hub.table.core.windows.net"),
        ("CADUCEUS_FHIR", "http://hub-fhir.example"),
        ("SERVICE_BUS__fullyQualifiedNamespace", "https://hub.servicebus.windows.net"),
        ("SERVICE_BUS__fullyQualifiedNamespace", "Endpoint=sb://hub;SharedAccessKey=x"),
        ("CADUCEUS_FHIR_WRITES", "sometimes"),
        ("CADUCEUS_ADAPTERS", "aws"),
    ],
)
def test_a_wrong_value_names_its_setting(variable: str, text: str) -> None:
    """A typing error must not become a hub that half works."""
    with pytest.raises(SettingInvalid, match=variable):
        read_settings({**AZURE, variable: text})

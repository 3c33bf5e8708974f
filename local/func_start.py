"""What `func start` needs on a developer's machine: settings, queues of the Service Bus emulator, tables in Azurite.

``python -m local.func_start`` writes ``local.settings.json`` if there is none and makes the tables;
``python -m local.func_start --examples`` writes the two files that the repository keeps.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.functions import QUEUE, load_functions
from local.queue_triggers import holds_dead_letters
from shared.settings import REQUIRED, ROWS

REPOSITORY = Path(__file__).parents[1]
EXAMPLE = REPOSITORY / "local.settings.json.example"
SETTINGS = REPOSITORY / "local.settings.json"
EMULATOR_CONFIG = REPOSITORY / "local" / "service-bus-emulator.json"

# The accounts and keys of Microsoft's emulators, the same on every machine: no secrets.
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_AZURITE = (
    f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_AZURITE_KEY};"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)
_SERVICE_BUS = (
    "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;"
    "UseDevelopmentEmulator=true;"
)
# What differs from the default on such a machine, by the name of the row.
_CHOSEN = {
    "adapters": "azure",
    "stage": "laptop",
    "storage_emulator": _AZURITE,
    "service_bus_emulator": _SERVICE_BUS,
    "fhir": "http://127.0.0.1:8080/fhir",
    "replay_timer": str(ROWS["replay_timer"].default),  # the host itself looks it up, and knows no default
}
_HOST = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def settings_text() -> str:
    """Return ``local.settings.json``: every setting that has no default, and those an emulator needs."""
    chosen = {ROWS[name].variable: text for name, text in _CHOSEN.items()}
    missing = [
        row.variable for row in ROWS.values() if row.default is REQUIRED and row.variable not in chosen
    ]  # a new required setting must get its value here
    if missing:
        raise KeyError(missing[0])
    return _json({"IsEncrypted": False, "Values": {**_HOST, **chosen}})


def queues() -> list[str]:
    """Return the queues that the function app receives from; dead letters belong to theirs."""
    names = [str(each.trigger["queueName"]) for each in load_functions() if each.kind == QUEUE]
    return list(dict.fromkeys(name for name in names if not holds_dead_letters(name)))


def emulator_text() -> str:
    """Return the configuration of the Service Bus emulator: one queue for each stage, with sessions.

    The emulator's own limits are lower than those of Azure: a message lives for an hour, and ten deliveries.
    """
    properties: dict[str, Any] = {
        "DeadLetteringOnMessageExpiration": True,
        "DefaultMessageTimeToLive": "PT1H",
        "DuplicateDetectionHistoryTimeWindow": "PT5M",
        "ForwardDeadLetteredMessagesTo": "",
        "ForwardTo": "",
        "LockDuration": "PT1M",
        "MaxDeliveryCount": 10,
        "RequiresDuplicateDetection": True,
        "RequiresSession": True,
    }
    declared = [{"Name": name, "Properties": properties} for name in queues()]
    namespace = {"Name": "sbemulatorns", "Queues": declared, "Topics": []}
    return _json({"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "Console"}}})


def write_examples() -> None:
    """Write the files that the repository keeps."""
    EXAMPLE.write_text(settings_text(), encoding="utf-8")
    EMULATOR_CONFIG.write_text(emulator_text(), encoding="utf-8")


async def prepare(environment: Mapping[str, str]) -> None:
    """Make in Azurite what Pulumi makes in Azure."""
    from shared.adapters.azure.emulator import make_storage
    from shared.adapters.azure.open import open_azure
    from shared.settings import read_settings

    adapters = open_azure(read_settings(environment))
    try:
        await make_storage(adapters.clients, adapters.table_names, adapters.container_name)
    finally:
        await adapters.close()


def main(arguments: list[str]) -> int:
    """Return 0 when the machine is ready for `func start`."""
    if "--examples" in arguments:
        write_examples()
        return 0
    if not SETTINGS.exists():
        SETTINGS.write_text(settings_text(), encoding="utf-8")
    values: dict[str, str] = json.loads(SETTINGS.read_text("utf-8"))["Values"]
    asyncio.run(prepare(values))
    print("tables and container are made; now: func start")
    return 0


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

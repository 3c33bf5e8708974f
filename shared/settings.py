"""Every setting of the hub: one row each. Nothing else reads the environment.

A missing or wrong value stops the start and names the setting.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from shared.message.errors.configuration import SettingInvalid

REQUIRED = object()
_GIVEN = "CADUCEUS_SECRET_"


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return parse


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _https(text: str) -> str:
    if not text.startswith("https://") or len(text) == len("https://"):
        raise ValueError("an address that begins with https://")
    return text.rstrip("/")


def _url(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("an address that begins with https://")
    return text.rstrip("/")


def _host_name(text: str) -> str:
    if not text or "/" in text or ":" in text or ";" in text:
        raise ValueError("a host name, as in NAME.servicebus.windows.net")
    return text


def _emulator(text: str) -> str:
    """Return a connection string of an emulator; the text of the error must not repeat one, it holds a key."""
    if "windows.net" in text.lower():
        raise ValueError("a connection string of an emulator; Azure itself is reached without keys")
    return text


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: the variable, how its text is read, what it is without, and what it is for."""

    variable: str
    parse: Callable[[str], object]
    default: object
    purpose: str


ROWS: dict[str, Setting] = {
    "adapters": Setting(
        "CADUCEUS_ADAPTERS", _one_of("local", "azure"), REQUIRED, "which adapters fulfil the ports: local or azure"
    ),
    "stage": Setting("CADUCEUS_STAGE", _one_of("laptop", "dev", "test", "prod"), REQUIRED, "laptop, dev, test or prod"),
    "home": Setting("CADUCEUS_HOME", Path, Path(".caduceus"), "folder of the local adapters' data"),
    "interfaces": Setting(
        "CADUCEUS_INTERFACES", Path, Path(__file__).parents[1] / "interfaces", "folder of the interfaces"
    ),
    "addresses": Setting(
        "CADUCEUS_ADDRESSES", Path, None, "JSON file of destination addresses that stand in for the configured ones"
    ),
    "partitions": Setting("CADUCEUS_PARTITIONS", _between(1, 64), 4, "partitions of a queue generation (rule R2)"),
    "inline_limit_bytes": Setting(
        "CADUCEUS_INLINE_LIMIT_BYTES",
        _between(0, 64 * 1024),
        64 * 1024,
        "payloads up to this size ride in the queue message; larger ones by archive reference",
    ),
    "invocation_budget_seconds": Setting(
        "CADUCEUS_INVOCATION_BUDGET_SECONDS", _between(1, 240), 45, "a deliver invocation parks the rest after it"
    ),
    "send_timeout_seconds": Setting(
        "CADUCEUS_SEND_TIMEOUT_SECONDS", _between(1, 30), 10, "a send to a destination ends by then (rule R9)"
    ),
    "clock_skew_seconds": Setting(
        "CADUCEUS_CLOCK_SKEW_SECONDS", _between(0, 60), 2, "how far two workers' clocks may differ (rule R3)"
    ),
    "roles": Setting(
        "CADUCEUS_ROLES",
        lambda text: frozenset(text.replace(",", " ").split()),
        frozenset(),
        "roles of whoever uses a laptop's hub: `reveal` shows which patients were affected",
    ),
    "replay_timer": Setting(
        "CADUCEUS_REPLAY_TIMER",
        str,
        "*/2 * * * * *",
        "when replays are looked at, in NCRONTAB; in Azure each look is paid, and `infra/` sets two a minute",
    ),
    "workers": Setting(
        "CADUCEUS_WORKERS",
        _between(0, 64),
        None,
        "processes that convert messages beside the hub's own on a laptop; without it one for each other core",
    ),
    "tables": Setting(
        "CADUCEUS_TABLES", _https, "", "Azure: endpoint of Table Storage, `https://NAME.table.core.windows.net`"
    ),
    "blobs": Setting(
        "CADUCEUS_BLOBS", _https, "", "Azure: endpoint of Blob Storage, `https://NAME.blob.core.windows.net`"
    ),
    "service_bus": Setting(
        "SERVICE_BUS__fullyQualifiedNamespace",
        _host_name,
        "",
        "Azure: the Service Bus namespace, `NAME.servicebus.windows.net`; the triggers read it too",
    ),
    "event_topic": Setting(
        "CADUCEUS_EVENT_TOPIC", _https, "", "Azure: endpoint of the Event Grid topic, with its path `/api/events`"
    ),
    "key_vault": Setting("CADUCEUS_KEY_VAULT", _https, "", "Azure: the Key Vault, `https://NAME.vault.azure.net`"),
    "fhir": Setting("CADUCEUS_FHIR", _url, "", "Azure: base of the FHIR R4 server; plain http on a laptop only"),
    "fhir_writes": Setting(
        "CADUCEUS_FHIR_WRITES",
        _one_of("transaction", "each"),
        "transaction",
        "write a message's resources in one transaction, or each by itself where the server has none",
    ),
    "storage_emulator": Setting(
        "CADUCEUS_STORAGE_EMULATOR", _emulator, "", "connection string of Azurite; on a laptop only"
    ),
    "service_bus_emulator": Setting(
        "SERVICE_BUS",
        _emulator,
        "",
        "connection string of the Service Bus emulator; on a laptop only; the triggers read it too",
    ),
}

# What Azure adapters cannot be without, and the emulator that may stand in for it on a laptop.
NEEDED_IN_AZURE: dict[str, str | None] = {
    "tables": "storage_emulator",
    "blobs": "storage_emulator",
    "service_bus": "service_bus_emulator",
    "fhir": None,
    "event_topic": None,
    "key_vault": None,
}
# A developer's machine does without: events reach nobody, secrets are files.
OPTIONAL_ON_A_LAPTOP = frozenset({"event_topic", "key_vault"})
_EMULATORS = ("storage_emulator", "service_bus_emulator")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of this process, read once."""

    adapters: str
    stage: str
    home: Path
    interfaces: Path
    addresses: Path | None
    partitions: int
    inline_limit_bytes: int
    invocation_budget_seconds: int
    send_timeout_seconds: int
    clock_skew_seconds: int
    roles: frozenset[str]
    replay_timer: str
    workers: int | None
    tables: str
    blobs: str
    service_bus: str
    event_topic: str
    key_vault: str
    fhir: str
    fhir_writes: str
    storage_emulator: str
    service_bus_emulator: str

    @property
    def is_laptop(self) -> bool:
        return self.stage == "laptop"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process.

    Raises:
        SettingInvalid: one is required and missing, or its text cannot be read.
    """
    environment = os.environ if environment is None else environment
    values = {field.name: _read(ROWS[field.name], environment) for field in fields(Settings)}
    settings = Settings(**values)  # type: ignore[arg-type]  # each row's parser gives the field's type
    if settings.adapters == "azure":
        _check_azure(settings)
    return settings


def resolve_binding(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the value of the setting that a binding names as ``%VARIABLE%``; any other text as it is."""
    environment = os.environ if environment is None else environment
    found = next((row for row in ROWS.values() if text == f"%{row.variable}%"), None)
    return text if found is None else environment.get(found.variable, str(found.default))


def read_secrets(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the secrets that the environment gives, by name: ``CADUCEUS_SECRET_LAB_PASSWORD`` is ``lab-password``."""
    environment = os.environ if environment is None else environment
    return {
        variable.removeprefix(_GIVEN).lower().replace("_", "-"): text
        for variable, text in environment.items()
        if variable.startswith(_GIVEN)
    }


def read_addresses(file: Path | None) -> dict[str, str]:
    """Return the addresses that stand in for the configured ones, by destination.

    Raises:
        SettingInvalid: the file is not there, or is not one JSON object of texts.
    """
    if file is None:
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingInvalid(f"{ROWS['addresses'].variable}: {type(error).__name__}") from None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise SettingInvalid(f"{ROWS['addresses'].variable}: one JSON object, destination to address")
    return found


def _check_azure(settings: Settings) -> None:
    """Refuse what would be found missing, or open, when the first message comes.

    Raises:
        SettingInvalid: it names the setting.
    """
    for name in _EMULATORS:
        if getattr(settings, name) and not settings.is_laptop:
            raise SettingInvalid(f"{ROWS[name].variable} is for a laptop; in Azure the hub signs in without keys")
    if settings.fhir.startswith("http://") and not settings.is_laptop:
        raise SettingInvalid(f"{ROWS['fhir'].variable}: an address that begins with https://")
    for name, emulator in NEEDED_IN_AZURE.items():
        is_given = getattr(settings, name) or (emulator is not None and getattr(settings, emulator))
        if not is_given and not (settings.is_laptop and name in OPTIONAL_ON_A_LAPTOP):
            raise SettingInvalid(f"{ROWS[name].variable} is not set: {ROWS[name].purpose}")


def _read(row: Setting, environment: Mapping[str, str]) -> object:
    text = environment.get(row.variable)
    if text is None:
        if row.default is REQUIRED:
            raise SettingInvalid(f"{row.variable} is not set: {row.purpose}")
        return row.default
    try:
        return row.parse(text)
    except ValueError as error:
        raise SettingInvalid(f"{row.variable}: {error}") from None

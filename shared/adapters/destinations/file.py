"""A destination that is a folder: each message one file, whole or not there."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path

from shared.adapters.local.folder import sync_folder
from shared.message.delivery import Answer, Delivery, Verdict

_SUFFIXES = {
    "application/hl7-v2": ".hl7",
    "application/fhir+json": ".json",
    "application/json": ".json",
    "application/cloudevents+json": ".json",
}


class FileDestination:
    """Drops ``<delivery id>.<suffix>``: a delivery has one name for ever, so a second copy replaces the first.

    Readers never see half a file: it is written under a name that begins with a dot, made durable, then renamed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        """Write one file.

        A write to a disk cannot be cancelled half-way; it ends by itself, and the rename makes it once.
        """
        name = f"{delivery.id}{_SUFFIXES.get(media_type, '.dat')}"
        try:
            await asyncio.to_thread(_drop, self._folder, name, body)
        except OSError as error:
            return Answer(Verdict.TRANSIENT, f"write failed {error.errno}")
        return Answer(Verdict.ACCEPTED, "written")

    async def close(self) -> None:
        """Nothing stays open."""


def _drop(folder: Path, name: str, body: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.part"
    with temporary.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / name)
    sync_folder(folder)  # without it a power cut may lose the name

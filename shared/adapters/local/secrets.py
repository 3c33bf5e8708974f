"""Secrets of a laptop: from the environment, or one file each in a folder only its owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from shared.adapters.local.folder import sync_folder
from shared.message.errors.storage import SecretMissing

HUB_KEY = "hub-key"  # mints resource ids and hashes identifiers: lost with the home folder, never rotated
HUB_KEY_BYTES = 32


class LocalSecrets:
    """Secrets by name.

    Args:
        folder: Created if needed; a hub key is made on the first start.
        given: Secrets that the environment gave; they come first.
    """

    def __init__(self, folder: Path, given: Mapping[str, str]) -> None:
        self._folder = folder
        self._given = given
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if HUB_KEY not in given and not (folder / HUB_KEY).exists():
            _create(folder / HUB_KEY, secrets.token_hex(HUB_KEY_BYTES))

    async def get(self, name: str) -> str:
        return self.read(name)

    def read(self, name: str) -> str:
        """Return the secret, without the line end of its file.

        Raises:
            SecretMissing: neither the environment nor the folder has it.
        """
        if name in self._given:
            return self._given[name]
        if Path(name).name != name:
            raise SecretMissing("a secret's name is not a path")
        try:
            return (self._folder / name).read_text(encoding="utf-8").rstrip("\r\n")
        except FileNotFoundError:
            raise SecretMissing(name) from None


def _create(path: Path, text: str) -> None:
    """Write a file only its owner may read; it is whole or absent, whenever the power fails."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)

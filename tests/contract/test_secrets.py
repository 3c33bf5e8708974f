"""The contract of `SecretStore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.adapters.local.secrets import HUB_KEY, LocalSecrets
from shared.message.errors.storage import SecretMissing
from tests.contract.conftest import Run


def test_a_missing_secret_is_named_in_the_error(run: Run) -> None:
    """An empty password sent instead would be refused far from its cause."""

    async def scenario(hub: Any) -> None:
        with pytest.raises(SecretMissing, match="lab-password"):
            await hub.secrets.get("lab-password")

    run(scenario)


def test_the_hub_key_is_made_once_and_stays(run: Run) -> None:
    """Another key would mint other ids for the same people."""
    keys: list[str] = []

    async def scenario(hub: Any) -> None:
        keys.append(await hub.secrets.get(HUB_KEY))

    run(scenario)
    run(scenario)

    assert keys[0] == keys[1]
    assert len(bytes.fromhex(keys[0])) == 32


def test_two_hubs_have_different_keys(tmp_path: Path) -> None:
    """A key that everybody has would let anybody turn ids back into record numbers."""
    first, second = (LocalSecrets(tmp_path / name, {}) for name in ("first", "second"))

    assert first.read(HUB_KEY) != second.read(HUB_KEY)


def test_only_the_owner_can_read_the_hub_key(tmp_path: Path) -> None:
    """Other accounts of a shared laptop are not entitled to it."""
    folder = tmp_path / "secrets"

    LocalSecrets(folder, {})

    assert (folder / HUB_KEY).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    """A container passes secrets in the environment and has no files."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "lab-password").write_text("from the file\n")

    assert LocalSecrets(folder, {}).read("lab-password") == "from the file"
    assert LocalSecrets(folder, {"lab-password": "given"}).read("lab-password") == "given"


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    """Names come from interface files, which more people write than may read this machine."""
    (tmp_path / "elsewhere").write_text("not a secret")

    with pytest.raises(SecretMissing):
        LocalSecrets(tmp_path / "secrets", {}).read("../elsewhere")

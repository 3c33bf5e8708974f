"""Where secrets are."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from connector.keys import read_secret
from shared.message.errors.storage import SecretMissing


@pytest.fixture
def keyring(monkeypatch):
    """A keyring of the system, as the package `keyring` shows it; a key None has is missing, "locked" is locked."""
    errors = ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})

    def get_password(service: str, user: str) -> str | None:
        if service == "locked":
            raise errors.KeyringError("a text that names the user")
        return {("caduceus", "spool"): "sesame\n"}.get((service, user))

    package = ModuleType("keyring")
    package.get_password, package.errors = get_password, errors
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_a_secret_comes_from_a_file_the_environment_or_the_keyring(keyring, tmp_path, monkeypatch):
    """One line, without the line's end that editors leave."""
    (tmp_path / "key").write_text("sesame\n")
    monkeypatch.setenv("SPOOL_KEY", " sesame ")
    assert {
        read_secret(place) for place in (f"file:{tmp_path / 'key'}", "env:SPOOL_KEY", "keyring:caduceus/spool")
    } == {"sesame"}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("keyring:caduceus/none", "keyring:caduceus/none"),
        ("keyring:locked/spool", "keyring:locked/spool: KeyringError"),
        ("env:NO_SUCH_KEY", "env:NO_SUCH_KEY"),
        ("file:/no/such/key", "file:/no/such/key: FileNotFoundError"),
    ],
)
def test_a_secret_that_is_not_there_stops_the_start_by_name(keyring, place, said):
    """With an empty key, payloads would lie open; and what a keyring says may name people."""
    with pytest.raises(SecretMissing) as raised:
        read_secret(place)
    assert raised.value.where == said


def test_a_keyring_without_its_package_is_said_so(monkeypatch):
    """It is not among what every hospital installs."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretMissing, match="`keyring` is not installed"):
        read_secret("keyring:caduceus/spool")

"""The laptop as a test runs it: a home of its own, free ports, and one message of its sample interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.laptop import LaptopOptions

_SETTINGS = ("CADUCEUS_ADAPTERS", "CADUCEUS_STAGE", "CADUCEUS_HOME", "CADUCEUS_ADDRESSES")
_ADMISSION = (
    "MSH|^~\\&|WARDVIEW|NORTHGATE|CADUCEUS|NORTHGATE|20260301120000+0000||ADT^A01^ADT_A01|{id}|P|2.5.1\r"
    "EVN|A01|20260301120000+0000\r"
    "PID|1||{patient}^^^NORTHGATE^MR||Example^Edda||19800101|F\r"
    "PV1|1|I|W7^12^A^NORTHGATE||||||||||||||||V{patient}^^^NORTHGATE^VN\r"
)


def own_laptop(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, http_port: int = 0, mllp_port: int = 0
) -> LaptopOptions:
    """Return the options of a laptop in a folder, on free ports unless they are given.

    What the laptop writes into the environment is taken back when the test is over.
    """
    for name in _SETTINGS:
        monkeypatch.setenv(name, "set by the laptop")
    return LaptopOptions(folder / "home", http_port, mllp_port, has_free_ports=True)


def ward_admission(control_id: str, patient: object = "4711") -> bytes:
    """Return an ADT^A01 of the interface ``hospital_adt``."""
    return _ADMISSION.format(id=control_id, patient=patient).encode()

"""A small folder of interfaces that is right, for tests to spoil in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

INTERFACE = """\
title = "Ward"
owner = "Team"
contact = "team@example.org"

[[match]]
types = ["ADT^*"]
sending_application = "WARD"

[[routes]]
to = "books"
shape = "steps:account"

[[routes]]
to = "lab"
shape = "hl7"
version = "2.3"
"""

SAMPLE = b"MSH|^~\\&|WARD|HERE|||20250101||ADT^A01|1|P|2.5\rEVN|A01\r"


class Files:
    """Writes the files of a registry."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def interface(self, name: str, text: str = INTERFACE, sample: bytes = SAMPLE) -> Path:
        """Write an interface with a sample and a steps.py."""
        folder = self.root / name
        (folder / "samples").mkdir(parents=True)
        (folder / "interface.toml").write_text(text, "utf-8")
        (folder / "samples" / "01-first.hl7").write_bytes(sample)
        (folder / "steps.py").write_text("def account(bundle, message):\n    return {}\n", "utf-8")
        return folder

    def destination(self, name: str, text: str) -> Path:
        """Write a destination."""
        file = self.root / "destinations" / f"{name}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Two destinations and one interface without fault."""
    files = Files(tmp_path)
    files.destination("books", 'title = "Books"\nkind = "https"\n[address]\nlaptop = "http://127.0.0.1:1/"\n')
    files.destination("lab", 'title = "Lab"\nkind = "mllp"\n[address]\nlaptop = "mllp://127.0.0.1:2"\n')
    files.interface("ward")
    return files

"""The interfaces and destinations of every scenario, as an integration team would write them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.registry import Registry, load_registry
from tests.faults.messages import FHIR_SOURCE, ROUTES, WOMEN_ONLY, admission, measurement

_RETRY = "[retry]\nbase_seconds = 1\ncap_seconds = 8"
DESTINATIONS = {
    "store": f'kind = "fhir_store"\n{_RETRY}',
    "keyed": f'kind = "https"\nidempotent = true\naddress = {{ laptop = "http://127.0.0.1:1/keyed" }}\n{_RETRY}',
    "careful": f'kind = "https"\naddress = {{ laptop = "http://127.0.0.1:1/careful" }}\n{_RETRY}',
    "feed": f'kind = "mllp"\naddress = {{ laptop = "mllp://127.0.0.1:1" }}\n{_RETRY}',
}
_SHAPES = {"feed": "hl7"}


@cache
def registry() -> Registry:
    """Return the interfaces and destinations of every scenario."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "destinations").mkdir()
        for destination, text in DESTINATIONS.items():
            file = folder / "destinations" / f"{destination}.toml"
            file.write_text(f'title = "{destination}"\n{text}\n', encoding="utf-8")
        for source in ROUTES:
            _write_interface(folder / source, source)
        return load_registry(folder, "laptop", {})


def _write_interface(folder: Path, source: str) -> None:
    (folder / "samples").mkdir(parents=True)
    if source == FHIR_SOURCE:
        sample, takes = measurement("SAMPLE", 1).body, '[fhir]\nrelease = "R4"\n'
        (folder / "samples" / "01-measurement.fhir.json").write_bytes(sample)
    else:
        sample, takes = admission(source, "SAMPLE", 1).body, f'[[match]]\nsending_application = ["{source.upper()}"]\n'
        (folder / "samples" / "01.hl7").write_bytes(sample)
    head = f'title = "{source}"\nowner = "tests"\ncontact = "tests"\nassigner = "GENERAL"\naccepts = ["P"]\n'
    routes = "".join(_route(source, name) for name in ROUTES[source])
    (folder / "interface.toml").write_text(head + takes + routes, encoding="utf-8")


def _route(source: str, name: str) -> str:
    where = 'where = { "PID-8" = ["F"] }\n' if (source, name) == WOMEN_ONLY else ""
    return f'[[routes]]\nto = "{name}"\nshape = "{_SHAPES.get(name, "fhir")}"\n{where}'

"""The connector's pages say what its code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from connector.config import Config, Tls
from connector.config_file import read_config
from connector.in_flight import page

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"


def test_the_page_of_messages_in_flight_is_written_from_the_tables():
    """Every state and every failure, as the code has them; `python -m connector.in_flight` writes it."""
    assert (DOCS / "connector-in-flight.md").read_text("utf-8") == page()


def test_every_key_of_the_configuration_is_on_the_page_with_its_default():
    """A key that is not on the page is found by reading code, at the worst moment."""
    text = (DOCS / "connector.md").read_text("utf-8")
    assert tables() in text, f"docs/connector.md should have:\n{tables()}"


def test_the_example_is_a_configuration():
    """It is what people copy."""
    config = read_config(REPOSITORY / "connector" / "service" / "connector.toml")
    assert config.connector.name == "north_hospital"


def test_the_unit_and_the_image_start_what_is_there():
    """Nobody runs them before the first hospital does."""
    unit = (REPOSITORY / "connector" / "service" / "caduceus-connector.service").read_text("utf-8")
    image = (REPOSITORY / "connector" / "service" / "Containerfile").read_text("utf-8")
    assert "python -m connector run --config" in unit
    assert all((REPOSITORY / source).exists() for source in re.findall(r"^COPY (\S+)", image, re.MULTILINE))


def tables() -> str:
    """Return the tables of the configuration, as the page has them."""
    parts = []
    for name, field in Config.model_fields.items():
        heading = f"[[{name}]]" if "tuple" in str(field.annotation) else f"[{name}]"
        parts.append(_table(heading, _model(field.annotation)))
    return "\n".join([*parts, _table("tls, in [[listen]] and [[deliver]]", Tls)])


def _model(annotation: object) -> type[BaseModel]:
    found = annotation if isinstance(annotation, type) and not get_args(annotation) else None
    return found or next(_model(inner) for inner in get_args(annotation) if inner not in (Ellipsis, type(None)))


def _table(heading: str, model: type[BaseModel]) -> str:
    rows = [f"### `{heading}`\n", "| key | default | what |\n|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "**needed**" if field.default is PydanticUndefined else _written(field.default)
        rows.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _written(default: object) -> str:
    if default is None or default == ():
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_what_is_tried_on_one_machine_is_a_configuration(tmp_path):
    """The page's own file, and the one with the relay in the place of its `[hub]`."""
    text = (DOCS / "connector.md").read_text("utf-8").partition("**Try it on one machine**")[2]
    straight, relay = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[:2]
    for name, said in (("try", straight), ("relay", re.sub(r"\[hub\].*?(?=\[\[)", relay, straight, flags=re.DOTALL))):
        file = tmp_path / f"{name}.toml"
        file.write_text(said, "utf-8")
        config = read_config(file)
        assert (config.hub is not None and config.hub.transport) == ("relay" if name == "relay" else "https")

"""What all models of the registry share: they are frozen, and an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.hl7.path import read_path
from shared.message.errors.hl7 import PathInvalid

Stage = Literal["laptop", "dev", "test", "prod"]
STAGES: tuple[Stage, ...] = ("laptop", "dev", "test", "prod")


class Model(BaseModel):
    """A table of a TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _is_path(text: str) -> str:
    try:
        read_path(text)
    except PathInvalid:
        raise ValueError("is not an HL7 path such as PID-3.1, PID-3[2].4 or OBX(2)-5") from None
    return text


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_one_or_many)]
Hl7Path = Annotated[str, AfterValidator(_is_path)]
TypePattern = Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9]{2}\^([A-Z0-9]{3}|\*)|FHIR\^([A-Za-z]+|\*))$")]
SegmentName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2}$")]

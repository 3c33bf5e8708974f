"""What all models of the registry share: they are frozen, and an unknown key is an error."""

from __future__ import annotations

import re
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


def like(pattern: str, examples: str) -> AfterValidator:
    """Return a check that a text has this form; who wrote another is shown what is right."""
    form = re.compile(pattern)

    def has_the_form(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(f"has the wrong form: write {examples}")
        return text

    return AfterValidator(has_the_form)


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_one_or_many)]
Hl7Path = Annotated[str, AfterValidator(_is_path)]
TypePattern = Annotated[
    str,
    like(r"[A-Z][A-Z0-9]{2}\^([A-Z0-9]{3}|\*)|FHIR\^([A-Za-z]+|\*)", "`ADT^A01` or `ADT^*`, of FHIR `FHIR^Patient`"),
]
SegmentName = Annotated[str, like(r"[A-Z][A-Z0-9]{2}", "`PV1`")]

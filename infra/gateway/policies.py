"""The policy documents, filled in: text of a stack is escaped, so that it can never become markup or an expression."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from string import Template
from xml.sax.saxutils import escape

from infra.config import Deprecation, Entra

BODY_LIMIT_BYTES = 100 * 1024 * 1024  # the largest body a Function App takes

_CLAIM = """
      <required-claims>
        <claim name="{name}" match="any">
{values}
        </claim>
      </required-claims>"""


def global_policy() -> str:
    """Return what holds for every call."""
    return _fill("global", limit_bytes=BODY_LIMIT_BYTES)


def ingest_policy(entra: Entra, interface: str, thumbprints: Sequence[str], *, is_pinned: bool = False) -> str:
    """Return what a sender of one interface must show; with thumbprints, one of these certificates too.

    Args:
        is_pinned: Whoever issued it: the gateway cannot be told of the authority, so it does not ask who it was.
    """
    is_chained = "false" if is_pinned else "true"
    identities = "\n".join(f'        <identity thumbprint="{_text(one.upper())}" />' for one in thumbprints)
    return _fill(
        "ingest",
        interface=_text(interface),
        mutual_tls=_fill("mutual_tls", identities=identities, is_chained=is_chained) if thumbprints else "",
        sign_in=_sign_in(entra, "roles", ["Hub.Ingest"]),
        backend=_backend(entra),
    )


def connector_policy(entra: Entra, principals: Sequence[str]) -> str:
    """Return what a connector must show: that it is one of these principals. It may send for any interface."""
    return _fill("connector", sign_in=_sign_in(entra, "oid", principals), backend=_backend(entra))


def fhir_policy(entra: Entra, deprecation: Deprecation | None) -> str:
    """Return what a reader of FHIR must show: a SMART scope for the resource type and the interaction."""
    return _fill(
        "fhir",
        sign_in=_sign_in(entra, "tid", [entra.tenant_id]),
        backend=_backend(entra),
        deprecation=_deprecation_headers(deprecation),
    )


def hub_policy(entra: Entra, deprecation: Deprecation | None) -> str:
    """Return what an operator must show."""
    return _fill(
        "hub",
        sign_in=_sign_in(entra, "roles", ["Hub.Operate"]),
        backend=_backend(entra),
        deprecation=_deprecation_headers(deprecation),
    )


def cached_policy() -> str:
    """Return what an operation has whose answer holds nothing of a patient."""
    return _fill("cached")


def product_policy(calls_per_minute: int, calls_per_day: int) -> str:
    """Return what one subscription may ask for."""
    return _fill("product", calls=calls_per_minute, quota=calls_per_day)


def _sign_in(entra: Entra, claim: str, values: Sequence[str]) -> str:
    """Return the check of a token; the gateway wants at least one claim named."""
    listed = "\n".join(f"          <value>{_text(value)}</value>" for value in values)
    claims = _CLAIM.format(name=claim, values=listed)
    application = {"client_id": _text(entra.client_id), "audience": _text(entra.audience)}
    return _fill("sign_in", tenant_id=_text(entra.tenant_id), **application, claims=claims)


def _backend(entra: Entra) -> str:
    return _fill("backend", audience=_text(entra.audience))


def _deprecation_headers(deprecation: Deprecation | None) -> str:
    if deprecation is None:
        return ""
    since, sunset = _midnight(deprecation.since), _midnight(deprecation.sunset)
    return _fill(
        "deprecation",
        since=int(since.timestamp()),
        sunset=format_datetime(sunset, usegmt=True),
        link=_text(deprecation.link),
    )


def _midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), UTC)


def _text(value: str) -> str:
    """Return a value as XML text or attribute; what would begin an expression of the gateway is refused."""
    if value.startswith("@") or "{{" in value:
        raise ValueError("would be an expression of the gateway")
    return escape(value, {'"': "&quot;"})


@cache
def _template(name: str) -> Template:
    return Template((Path(__file__).parent / f"{name}.xml").read_text("utf-8"))


def _fill(name: str, **values: object) -> str:
    return _template(name).substitute(values)

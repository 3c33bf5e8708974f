"""What an error of an Azure SDK means for the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.message.errors.base import IntegrationError
from shared.message.errors.storage import AzureRefused, AzureUnavailable

_REFUSED = frozenset({401, 403})


@contextmanager
def named(service: str) -> Iterator[None]:
    """Raise what the SDKs raise as an error of the hub.

    Args:
        service: ``tables``, ``blobs``, ``service_bus`` ...

    Raises:
        AzureRefused: the hub's identity may not.
        AzureUnavailable: anything else; the SDK has tried again already.
    """
    try:
        yield
    except IntegrationError:
        raise
    except Exception as error:
        raised = _meaning(service, error)
        if raised is None:
            raise
        raise raised from None  # its text may hold what a row holds


def _meaning(service: str, error: Exception) -> IntegrationError | None:
    """Return the hub's error; None: it is not about Azure."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    if isinstance(error, ClientAuthenticationError):
        return AzureRefused(f"{service}, signing in")
    if isinstance(error, HttpResponseError):
        status = error.status_code or 0
        return AzureRefused(f"{service}, {status}") if status in _REFUSED else AzureUnavailable(f"{service}, {status}")
    if isinstance(error, AzureError | OSError):
        return AzureUnavailable(f"{service}, {type(error).__name__}")
    return None

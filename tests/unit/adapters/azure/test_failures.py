"""What an error of an SDK means, and that nothing of its text gets out."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.servicebus.exceptions import ServiceBusAuthorizationError, ServiceBusConnectionError, SessionLockLostError

from shared.adapters.azure.bus_failures import named_bus
from shared.adapters.azure.failures import named
from shared.message.errors.configuration import SettingInvalid
from shared.message.errors.storage import AzureRefused, AzureUnavailable, SessionLockLost

SECRET = "Mustermann"  # what a row or a message may hold


def answered(status: int) -> HttpResponseError:
    error = HttpResponseError(SECRET)
    error.status_code = status
    return error


@pytest.mark.parametrize(
    ("error", "meaning", "place"),
    [
        (answered(403), AzureRefused, "tables, 403"),
        (answered(401), AzureRefused, "tables, 401"),
        (answered(503), AzureUnavailable, "tables, 503"),
        (ServiceRequestError(SECRET), AzureUnavailable, "tables, ServiceRequestError"),
        (ClientAuthenticationError(SECRET), AzureRefused, "tables, signing in"),
        (ConnectionResetError(SECRET), AzureUnavailable, "tables, ConnectionResetError"),
    ],
)
def test_errors_of_the_storage_sdks_are_named(error: Exception, meaning: type[Exception], place: str) -> None:
    """A role that is missing and a service that is down are two different nights."""
    with pytest.raises(meaning) as raised, named("tables"):
        raise error
    assert place in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (SessionLockLostError(), SessionLockLost),
        (ServiceBusAuthorizationError(message=SECRET), AzureRefused),
        (ServiceBusConnectionError(message=SECRET), AzureUnavailable),
        (OSError(SECRET), AzureUnavailable),
    ],
)
def test_errors_of_service_bus_are_named(error: Exception, meaning: type[Exception]) -> None:
    """A lock that is lost is nobody's fault; the messages come again."""
    with pytest.raises(meaning) as raised, named_bus("transform, 0"):
        raise error
    assert SECRET not in str(raised.value)


def test_what_is_not_about_azure_goes_through() -> None:
    """An error of ours must not look like an outage of theirs."""
    with pytest.raises(ZeroDivisionError), named("tables"):
        raise ZeroDivisionError
    with pytest.raises(SettingInvalid), named("tables"):
        raise SettingInvalid("x")

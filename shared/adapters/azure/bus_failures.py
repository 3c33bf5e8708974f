"""What an error of Service Bus means for the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.message.errors.storage import AzureRefused, AzureUnavailable, SessionLockLost

SERVICE = "service_bus"


@contextmanager
def named_bus(place: str = "") -> Iterator[None]:
    """Raise what the SDK raises as an error of the hub.

    Args:
        place: Queue and session, for a lock that is lost.

    Raises:
        SessionLockLost: somebody else may have the session.
        AzureRefused: the hub's identity may not.
        AzureUnavailable: anything else.
    """
    from azure.core.exceptions import ClientAuthenticationError
    from azure.servicebus.exceptions import (
        MessageLockLostError,
        ServiceBusAuthenticationError,
        ServiceBusAuthorizationError,
        ServiceBusError,
        SessionCannotBeLockedError,
        SessionLockLostError,
    )

    try:
        yield
    except (SessionLockLostError, MessageLockLostError, SessionCannotBeLockedError):
        raise SessionLockLost(place) from None
    except (ServiceBusAuthenticationError, ServiceBusAuthorizationError, ClientAuthenticationError) as error:
        raise AzureRefused(f"{SERVICE}, {type(error).__name__}") from None
    except (ServiceBusError, OSError) as error:
        raise AzureUnavailable(f"{SERVICE}, {type(error).__name__}") from None

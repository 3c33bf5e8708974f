"""Errors of Azure Relay Hybrid Connections, in either role."""

from __future__ import annotations

from typing import ClassVar

from shared.message.errors.base import Acknowledgement, Disposition, IntegrationError


class RelayError(IntegrationError):
    """Base of what can go wrong with a hybrid connection of Azure Relay."""

    disposition: ClassVar[Disposition] = Disposition.RETRY
    acknowledgement: ClassVar[Acknowledgement] = Acknowledgement.NONE
    stops_message: ClassVar[bool] = False


class RelayUnreachable(RelayError):
    """The relay cannot be reached, or a connection to it broke off."""

    code = "RELAY-001"
    what = "the relay cannot be reached"
    next_step = "nothing: it is tried again; check the name and outbound port 443 if it lasts"


class ProxyRefused(RelayError):
    """The proxy on the way out answered, and opened no tunnel: nothing has left the hospital."""

    code = "RELAY-011"
    what = "the proxy does not let the connection out"
    next_step = "check user and password of the proxy, and that it lets port 443 of that name out"


class RelayRefused(RelayError):
    """The relay does not take the token: none, expired, or without the right that is needed."""

    code = "RELAY-002"
    what = "the relay does not accept the token"
    next_step = "check the key or the identity's role (Azure Relay Listener, Azure Relay Sender) and the clock"


class HybridConnectionUnknown(RelayError):
    """There is no hybrid connection of this name."""

    code = "RELAY-003"
    what = "the relay has no such hybrid connection"
    next_step = "check namespace and path"


class NoRelayListener(RelayError):
    """Nobody listens at the other end of the hybrid connection."""

    code = "RELAY-004"
    what = "nobody listens on the hybrid connection"
    next_step = "nothing: it is tried again; look at the listener if it lasts"


class RelayRejected(RelayError):
    """The listener looked at the connection and did not want it.

    Attributes:
        status: HTTP status that the listener gave.
    """

    code = "RELAY-005"
    what = "the listener rejected the connection"
    next_step = "check what the listener expects"

    status = 0


class RendezvousMissed(RelayError):
    """The address of a rendezvous had lapsed (30 s), was used before, or could not be reached."""

    code = "RELAY-006"
    what = "a rendezvous was not made in time"
    next_step = "nothing: the sender tries again; look at the load of the listener if it lasts"


class RelayAnswerLate(RelayError):
    """No answer within 60 s; the relay has told the sender so."""

    code = "RELAY-007"
    what = "a request was not answered in time"
    disposition = Disposition.REVIEW  # the listener may have done what was asked
    next_step = "ask for the outcome before the request is sent again"


class RelayLimitExceeded(RelayError):
    """More than the relay carries: 64 kB in a control frame, 32 kB of headers."""

    code = "RELAY-008"
    what = "larger than the relay carries"
    disposition = Disposition.REFUSE
    next_step = "make it smaller; bodies over 64 kB take a rendezvous by themselves"


class RelayProtocolBroken(RelayError):
    """What came over the wire is not what the protocol says; the connection closes."""

    code = "RELAY-009"
    what = "the other end broke the relay's protocol"
    next_step = "nothing: the connection is made anew; report it if it lasts"


class TooManyRelayListeners(RelayError):
    """A hybrid connection takes 25 listeners."""

    code = "RELAY-010"
    what = "more listeners than a hybrid connection takes"
    disposition = Disposition.REFUSE
    next_step = "use at most 25 listeners, or a second hybrid connection"

"""What a person does about a destination's answer: words for the code of a delivery that did not go through."""

from __future__ import annotations

from shared.message.errors import reason_of
from shared.message.silence import Silence
from shared.message.state import DeliveryState

_NOT_REACHED: dict[str, str] = {
    Silence.REFUSED: "nobody listens at its address; start it, or correct the address",
    Silence.NAME_UNKNOWN: "the network does not know its name; correct the address, or ask who runs the names",
    Silence.UNREACHABLE: "there is no way to its address; look at the address, the network and the firewall",
    Silence.TLS_FAILED: "TLS with it fails; look at its certificate: its name, its authority, its last day",
    Silence.CONNECT_TIMED_OUT: "nothing answers at its address; look at the network and the firewall",
    Silence.CLOSED_BEFORE_SENT: "it stops listening before the end of the message; look at its limits",
    Silence.TIMED_OUT_BEFORE_SENT: "it stops listening before the end of the message; look at its limits",
}
_LOCKED_OUT = ("HTTP 401", "HTTP 403", "HTTP 407")
_ELSEWHERE = ("HTTP 404", "HTTP 410", "HTTP 3")


def reason_of_delivery(state: DeliveryState, code: str) -> str:
    """Return what the code of a delivery means and what to do next; empty where there is nothing to do."""
    if own := reason_of(code):
        return own
    match state:
        case DeliveryState.REVIEW:
            return "it may have arrived; look there, then discard it (it did) or resend it (it did not)"
        case DeliveryState.QUARANTINED:
            return "it refuses this message; read its own log, correct the message or the mapping, then resend"
        case DeliveryState.PARKED | DeliveryState.INTENT:
            return _of_waiting(code)
    return ""


def _of_waiting(code: str) -> str:
    """Return why a delivery is tried again; of one that waits for another there is nothing to say."""
    if code in _NOT_REACHED:
        return _NOT_REACHED[code]
    if code.startswith(_LOCKED_OUT):
        return "it does not let the hub in; renew the credentials"
    if code.startswith(_ELSEWHERE):
        return "its address is wrong, or it has moved; correct the address"
    if code.startswith(("HTTP ", "CE", "AE", "AR", "CR")):
        return "it cannot take messages now; look at its own log"
    return ""

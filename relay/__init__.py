"""Azure Relay Hybrid Connections for Python: listener, sender, and a relay for laptops and tests. See docs/relay.md."""

from relay.address import HybridConnection
from relay.control import Accept, RequestHead, ResponseHead
from relay.limits import Limits
from relay.listener import Listener
from relay.offer import Offer
from relay.proxy import Proxy
from relay.requests import RelayedRequest, RelayedResponse
from relay.sender import Sender
from relay.socket import RelaySocket
from relay.tokens import EntraTokens, NoTokens, SasTokens, Token, Tokens

__all__ = [
    "Accept",
    "EntraTokens",
    "HybridConnection",
    "Limits",
    "Listener",
    "NoTokens",
    "Offer",
    "Proxy",
    "RelaySocket",
    "RelayedRequest",
    "RelayedResponse",
    "RequestHead",
    "ResponseHead",
    "SasTokens",
    "Sender",
    "Token",
    "Tokens",
]

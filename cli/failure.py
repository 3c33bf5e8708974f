"""What a command says when it cannot do its work."""

from __future__ import annotations

REFUSED = 1  # it was done, and something said no
UNREACHABLE = 2  # it could not be done


class CommandFailed(Exception):
    """One sentence for the person at the keyboard: what, where, what next."""

    def __init__(self, sentence: str, exit_code: int = REFUSED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code

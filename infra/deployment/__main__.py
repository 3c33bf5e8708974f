"""Send the code of this folder to a stack that exists: ``python -m infra.deployment --stack dev`` (`make deploy`)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from infra.config import read_stack_file
from infra.deployment.actions import send_hub_code
from infra.deployment.package import code_digest
from infra.names import Names
from shared.message.errors.base import IntegrationError

REPOSITORY = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the hub answers with the new code, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("--stack", required=True, choices=("dev", "test", "prod"))
    stack = parser.parse_args(arguments).stack
    began = time.monotonic()
    try:
        app = Names(read_stack_file(REPOSITORY, stack).prefix, stack).of("func")
        print(f"sending {code_digest(REPOSITORY)[:12]} to {app}", flush=True)
        send_hub_code(
            {
                "repository": str(REPOSITORY),
                "hub_url": f"https://{app}.azurewebsites.net",
                "scm_url": f"https://{app}.scm.azurewebsites.net",
            }
        )
    except IntegrationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{app} answers, after {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

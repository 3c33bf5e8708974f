"""Install what tests need beside the requirements: ``python -m tests.doubles.install``. What cannot be had is said."""

from __future__ import annotations

from tests.doubles.azurite import AzuriteMissing, installed_azurite
from tests.doubles.functions_worker import WorkerMissing, installed_worker


def main() -> None:
    """Install both; the tests of what is missing are skipped."""
    for install in (installed_azurite, installed_worker):
        try:
            install()
        except (AzuriteMissing, WorkerMissing) as missing:
            print(f"tests will be skipped: {missing}")


if __name__ == "__main__":
    main()

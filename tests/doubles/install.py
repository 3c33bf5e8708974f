"""Install what tests need beside the requirements: ``python -m tests.doubles.install``. What cannot be had is said."""

from __future__ import annotations

from tests.doubles.azurite import installed_azurite
from tests.doubles.functions_worker import installed_worker
from tests.doubles.packages import PackageMissing
from tests.doubles.r4_judge import installed_judge
from tests.relay.node_packages import installed_hyco


def main() -> None:
    """Install all; the tests of what is missing are skipped."""
    for install in (installed_azurite, installed_worker, installed_judge, installed_hyco):
        try:
            install()
        except PackageMissing as missing:
            print(f"tests will be skipped: {missing}")


if __name__ == "__main__":
    main()

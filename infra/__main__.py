"""What Pulumi runs: the stack of `Pulumi.<stack>.yaml`, declared."""

import sys
from pathlib import Path

# Pulumi starts this file in its own folder; the packages `infra` and `shared` lie one above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from infra.program import main

main()

"""Put the repository's root on the path: workers are started as `python -m tests.kill.worker`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

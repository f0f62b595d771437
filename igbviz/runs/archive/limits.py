"""What an archive may hold."""

from __future__ import annotations

from igbviz.runs import files
from igbviz.runs.images.files import RECORDS, SPRITE, WHICH

# Maximum bytes of each file, unpacked. A record of 10 classes has at most 4 kB, one of 100 classes 110 kB.
NAMES = ("config.json", "status.json", "schema.json", "trajectory.bin", "labels.json", "log.txt")
FILES = {name: files.MAX_BYTES.get(name, 500_000_000) for name in (*NAMES, WHICH, RECORDS, SPRITE)}
MAX_ARCHIVE, MAX_CONTENT = 100_000_000, 1_000_000_000  # bytes packed and unpacked
MAX_RUNS = 2000
CHUNK = 1_000_000  # bytes read at once

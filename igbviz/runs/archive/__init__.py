"""Export runs as a zip archive and import them into another cache.

    <run id>/config.json  status.json  schema.json  trajectory.bin  labels.json  log.txt
             images.json  images.bin  images.png

Nothing else is written or read: no checkpoint, no program, nothing that could be executed. An archive may come from
anybody, so everything is validated before it becomes a run: names, sizes (also while unpacking), the identity that
follows from the configuration, the columns and length of the records. But whether the records were trained or invented
cannot be told, so an imported run is marked, and never answers for a training of the same settings.

images.png shows images of the data. Where these are somebody's own, it is exported only on request.

An archive may also be zipped by hand: the runs in one more folder or several, a whole cache, a run's files without a
folder, names with backslashes, and what desktops and a run's folder contain besides.
"""

from __future__ import annotations

from igbviz.disk.zips import ArchiveError
from igbviz.runs.archive.exporting import (
    export_runs,
    exported_bytes,
    problem,
    require_exportable,
    require_whole,
    shows_own_images,
)
from igbviz.runs.archive.importing import Imported, import_runs
from igbviz.runs.archive.limits import FILES, MAX_ARCHIVE

__all__ = [
    "FILES",
    "MAX_ARCHIVE",
    "ArchiveError",
    "Imported",
    "export_runs",
    "exported_bytes",
    "import_runs",
    "problem",
    "require_exportable",
    "require_whole",
    "shows_own_images",
]

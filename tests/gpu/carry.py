"""What has to be brought to a machine without a network, and how it is used there."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

# What a machine with torch, torchvision, numpy, scipy, Pillow and tqdm may lack; nothing else is imported.
# pydantic-core is compiled: it has to be for the machine's Python.
WHEELS = (
    "pydantic==2.14.3",
    "pydantic-core==2.50.4",
    "annotated-types==0.8.0",
    "typing-inspection==0.4.5",
    "typing-extensions==4.16.0",
    "filelock==4.2.11",
    "platformdirs==4.14.8",
)

WORDS = f"""\
what the machine needs:
  Python 3.11 or later with torch (2.11 or later), torchvision, numpy, scipy, Pillow and tqdm. No Streamlit, no plotly,
  no network. Of what it may lack, seven wheels (3 MB) are fetched elsewhere, here for Python 3.12 on Linux:

    pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \\
      --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d wheels \\
      {" ".join(WHEELS[:4])} \\
      {" ".join(WHEELS[4:])}

  and used there with --wheels wheels, which needs no pip, or by anything that puts them on PYTHONPATH. CIFAR-10 as a
  folder of pictures, train/<class>/* and test/<class>/*, becomes an archive of 19 MB, which --data unpacks into ~/data:

    tar -C cifar10 --sort=name -cf - train test | xz -2 > cifar10.tar.xz

  Without it all is done on noise of the same size, which the results say. The speed is the same; what the three runs
  show is then not the paper's.
"""


def use_wheels(folder: Path, target: Path) -> None:
    """Unpack all wheels of a folder into `target`, and import from there, here and in the processes of the parts."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise SystemExit(f"--wheels {folder} has no wheels, that is, no files *.whl")
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    sys.path.insert(0, str(target))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(target), os.environ.get("PYTHONPATH")]))


def missing() -> list[str]:
    """The packages that cannot be found, which nothing works without."""
    from importlib.util import find_spec

    needed = ("torch", "torchvision", "numpy", "scipy", "PIL", "tqdm", "pydantic", "pydantic_core", "annotated_types")
    return [name for name in (*needed, "typing_inspection", "filelock", "platformdirs") if find_spec(name) is None]

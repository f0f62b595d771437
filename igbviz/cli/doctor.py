"""`doctor`: one line about each thing that the program needs, and how to mend it."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import platform
import socket
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

import igbviz
from igbviz.cli.arguments import add_cache, add_command, program
from igbviz.datasets import uploads
from igbviz.disk.places import TREE
from igbviz.plugins import installed
from igbviz.plugins.part import in_words
from igbviz.runs.files import NewerCache, format_bytes, free, require_readable
from igbviz.runs.locks import lock
from igbviz.spec import listing
from igbviz.training.memory import free_memory

PYTHON = (3, 11)
PACKAGES = ("torch", "torchvision", "streamlit", "plotly", "numpy", "pandas", "pydantic", "filelock")
MIN_DISK, MIN_MEMORY = 500e6, 1e9  # bytes
PORT = 8501  # of the app, unless it is started with another
MAX_CLOCK_SECONDS = 5.0  # between this machine's clock and that of the disk
CGROUP = Path("/sys/fs/cgroup")
INSTALL = "pip install -r requirements.txt" if TREE else "install igbviz again, with pip"


class Finding(NamedTuple):
    """What was found, and how to mend it; `remedy` is empty if it works."""

    found: str
    remedy: str = ""


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "check what the program needs, one line each, and say how to mend it; exit status 1 if something is broken"
    command = add_command(commands, "doctor", doctor, text)
    add_cache(command)
    command.add_argument("--port", type=int, default=PORT, help="the port of the app")


def doctor(options: argparse.Namespace) -> int:
    checks: dict[str, Callable[[], Finding]] = {
        "versions": versions,
        "torch": torch_computes,
        "torchvision": torchvision_operators,
        "plugins": plugins,
        "cache": lambda: can_write(options.cache),
        "disk": lambda: disk(options.cache),
        "pictures": lambda: pictures(options.cache),
        "memory": memory,
        "port": lambda: port(options.port),
        "clock": lambda: clock(options.cache),
    }
    broken = 0
    for name, check in checks.items():
        try:
            finding = check()
        except Exception as error:  # a check that fails in an unforeseen way is a finding, too
            sentence = (str(error).splitlines() or [""])[0]
            finding = Finding(f"{type(error).__name__}: {sentence}", INSTALL)
        broken += bool(finding.remedy)
        print(f"{'broken' if finding.remedy else 'ok':8}{name:13}{finding.found}")
        if finding.remedy:
            print(f"{'':21}to mend it: {finding.remedy}")
    return 1 if broken else 0


def versions() -> Finding:
    found, missing = [f"igbviz {igbviz.__version__}", f"Python {platform.python_version()}"], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if sys.version_info < PYTHON:
        return Finding(", ".join(found), f"install Python {'.'.join(map(str, PYTHON))} or newer")
    if missing:
        found += [f"no {package}" for package in missing]
        return Finding(", ".join(found), INSTALL)
    return Finding(", ".join(found))


def torch_computes() -> Finding:
    import torch

    from igbviz.training.devices import best_device, device_name

    device = best_device()
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    where = f"{device_name(device)}{threads}"
    weights = torch.ones(64, 64, device=device, requires_grad=True)
    (weights @ weights).sum().backward()
    if weights.grad.sum().item() != 2 * 64**3:
        remedy = "reinstall torch for this machine, see https://pytorch.org/get-started/locally"
        return Finding(f"a product of matrices is wrong on {where}", remedy)
    return Finding(f"computes on {where}")


def torchvision_operators() -> Finding:
    import torch

    from igbviz._torchvision import torchvision

    build = f"torchvision {torchvision.__version__}"
    try:
        boxes, scores = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), torch.tensor([0.5, 0.9])
        if torch.ops.torchvision.nms(boxes, scores, 0.5).tolist() == [1]:
            return Finding(f"{build}, its compiled operators work")
    except (RuntimeError, AttributeError, NotImplementedError):
        pass
    found = f"{build} without compiled operators, which no network here needs"
    if libraries := [name for name in ("lightning", "transformers") if find_spec(name)]:
        found += f"; {' and '.join(libraries)} may need `import igbviz._torchvision` before their own import"
    return Finding(found)


def plugins() -> Finding:
    """The packages that add losses, networks and data sets. A broken one breaks nothing else, but it is missed."""
    found = listing({in_words(package) for package, _, _ in installed.found()})
    if problems := igbviz.plugins.problems():
        return Finding("; ".join(problems), "correct the plugin, or uninstall its package")
    return Finding(f"{found} {'work' if ',' in found else 'works'}" if found else "none are installed")


def can_write(cache: Path) -> Finding:
    """Whether a file can be written, locked and replaced in the cache."""
    try:
        require_readable(cache)
        cache.mkdir(parents=True, exist_ok=True)
        probe = cache / f".doctor-{os.getpid()}"
        with _removed(probe, cache / f"{probe.name}.lock"):
            probe.write_text("written")
            with lock(cache / f"{probe.name}.lock", timeout=1.0):
                os.replace(probe, probe)
    except NewerCache as error:
        return Finding(str(error).partition(",")[0], "update igbviz, or set IGBVIZ_CACHE to another folder")
    except Timeout:
        return Finding(f"{cache} cannot lock files", "set IGBVIZ_CACHE to a folder on a local disk")
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = f"make it writable, as with `chmod -R u+w {cache}`, or set IGBVIZ_CACHE to another folder"
        return Finding(f"{cache} cannot be written: {reason[:1].lower()}{reason[1:]}", remedy)
    return Finding(f"{cache} can be written")


def disk(cache: Path) -> Finding:
    room = free(cache)
    found = f"{format_bytes(room)} free"
    return Finding(found, "" if room >= MIN_DISK else f"free some space: `{program()} clean` removes leftovers")


def pictures(cache: Path) -> Finding:
    """Whether there is room for further uploads."""
    used, allowed = uploads.total(cache), uploads.MAX_TOTAL
    found = f"{format_bytes(used)} of uploaded pictures, allowed: {format_bytes(allowed)}"
    remedy = f"delete some on the page Runs, or all that no run uses: `{program()} clean --pictures`"
    return Finding(found, remedy if used + uploads.MAX_UPLOAD > allowed else "")


def memory() -> Finding:
    room = min(free_memory(), _cgroup_memory())
    remedy = "" if room >= MIN_MEMORY else "close other programs, or train smaller networks"
    return Finding(f"{format_bytes(int(room))} free", remedy)


def _cgroup_memory() -> float:
    """Bytes that the container may still take; infinite without a limit."""
    try:
        limit, used = (float((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        cached = next(float(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        return limit - used + cached  # what is cached of files is given up first
    except (OSError, ValueError, StopIteration):  # also for the limit "max"
        return float("inf")


def port(number: int) -> Finding:
    """Whether the pages can be served. A port that a Streamlit server answers on is in use by the pages themselves."""
    if not 0 < number < 65_536:
        return Finding(f"{number} is no port", "choose one from 1 to 65535, as with `--port 8501`")
    try:
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was closed just now is free
            candidate.bind(("127.0.0.1", number))
        return Finding(f"{number} is free")
    except OSError:
        pass
    if _is_streamlit(number):
        return Finding(f"the pages are served on {number}")
    remedy = f"`{program()} app --server.port {number + 1}`, or end the other program"
    return Finding(f"{number} is in use by another program", remedy)


def _is_streamlit(number: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=2.0)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().read(10) == b"ok"
    return False


def clock(cache: Path) -> Finding:
    """Whether the clock is right, as far as this machine can tell: against the disk, and against this file's date."""
    remedy = "set the clock of this machine, as with `timedatectl set-ntp true`"
    now, written = time.time(), Path(__file__).stat().st_mtime
    if now < written - 86_400:
        return Finding(f"it is {time.strftime('%Y-%m-%d %H:%M')}, before this program was written", remedy)
    with contextlib.suppress(OSError):  # a cache that cannot be written is another finding
        probe = cache / f".doctor-{os.getpid()}"
        with _removed(probe):
            probe.touch()
            ahead = probe.stat().st_mtime - time.time()
        if abs(ahead) > MAX_CLOCK_SECONDS:
            direction = "ahead" if ahead > 0 else "behind"
            return Finding(f"the disk of the cache is {abs(ahead):.0f} s {direction} of this machine", remedy)
    return Finding(time.strftime("%Y-%m-%d %H:%M:%S %z"))


@contextlib.contextmanager
def _removed(*paths: Path):
    """Remove these files after the block."""
    try:
        yield
    finally:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

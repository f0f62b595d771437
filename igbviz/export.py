"""A run in forms to take away: tables, a page, its description, the lines of Python that make it again."""

from __future__ import annotations

import io
from pathlib import Path
from pprint import pformat

from igbviz.config import RunConfig
from igbviz.run_charts import pages
from igbviz.runs.run import Run
from igbviz.spec import ConfigError, listing


def csv(run: Run) -> bytes:
    """The tidy table of a trajectory, one row a (probe, class)."""
    return run.trajectory().to_frame().to_csv(index=False).encode()


def parquet(run: Run) -> bytes:
    """The same table with its types."""
    buffer = io.BytesIO()
    run.trajectory().to_frame().to_parquet(buffer, index=False)
    return buffer.getvalue()


def html(run: Run) -> bytes:
    """The charts of a run on a page of its own that needs no network."""
    return pages(run.trajectory(), run.config, run.id).encode()


def json(run: Run) -> bytes:
    """The configuration, for `python -m igbviz train FILE`."""
    return run.config.to_json().encode()


def python_lines(config: RunConfig) -> str:
    """The few lines of Python that make this run."""
    choices = pformat(config.canonical(incidental=True), sort_dicts=False, width=100)
    made = f"config = igbviz.RunConfig(**{choices})\nrun = igbviz.submit(config)"
    return f"import igbviz\n\n{made}\nrun.wait()\nprint(run.trajectory().to_frame())"


FORMATS = {
    "CSV": (".csv", "text/csv", csv),
    "Parquet": (".parquet", "application/vnd.apache.parquet", parquet),
    "HTML": (".html", "text/html", html),
    "Configuration": (".json", "application/json", json),
}


def write(run: Run, out: Path) -> None:
    """Write the form that the file's ending asks for. Raises ConfigError for an unknown ending."""
    writers = {suffix: make for suffix, _, make in FORMATS.values()}
    if out.suffix not in writers:
        raise ConfigError((("--out",), f"is {str(out)!r}, allowed: a file ending in {listing(writers)}"))
    out.write_bytes(writers[out.suffix](run))

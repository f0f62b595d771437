"""`runs` and `show`: the runs of a cache, and one of them."""

from __future__ import annotations

import argparse

from igbviz.cli.arguments import add_cache, add_command, add_json, add_run, find_run, program
from igbviz.cli.tables import columns, counted, table
from igbviz.runs import library
from igbviz.runs.kinds import KINDS
from igbviz.runs.library import Row
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import STATES
from igbviz.spec import ConfigError, alternatives, short

FILTERS = ("state", "kind", "loss", "model", "dataset")
SORTED_BY = ("submitted", "name", "state", "seconds", "epochs", "seed", "loss", "model", "dataset", "bytes")


def add_commands(commands: argparse._SubParsersAction) -> None:
    from igbviz.cli.as_json import KEYS, OF_SHOW

    text = "list the runs in the cache, newest first; shipped ones come with the program"
    more = f"--json prints a list; the keys of each run: {', '.join(KEYS)}."
    command = add_command(commands, "runs", runs, text, aliases=("list",), more=more)
    for name, values in (("state", (*STATES, "unreadable")), ("kind", tuple(KINDS))):
        command.add_argument(f"--{name}", action="append", choices=values, help=f"only runs of this {name}")
    for name in ("loss", "model", "dataset"):
        command.add_argument(f"--{name}", action="append", metavar="NAME", help=f"only runs with this {name}")
    command.add_argument("--tag", action="append", metavar="TAG", help="only runs with this tag; every filter repeats")
    command.add_argument("--sort", choices=SORTED_BY, default="submitted", help="by default the newest first")
    command.add_argument("--reverse", action="store_true", help="the other way round")
    command.add_argument("--limit", type=int, metavar="N", help="only the first N")
    command.add_argument("--archived", action="store_true", help="also archived runs")
    add_json(command)
    add_cache(command)

    more = f"--json prints what `runs --json` does, and: {', '.join(OF_SHOW)}; of untrained networks also gamma."
    command = add_command(commands, "show", show, "show a run: state, configuration, last probe", more=more)
    add_run(command)
    add_json(command)


def runs(options: argparse.Namespace) -> int:
    every = library.rows(options.cache)
    rows = selected(every, options)
    if options.json:
        from igbviz.cli.as_json import print_json, run_values

        print_json([run_values(row, _run(row, options)) for row in rows])
        return 0
    if rows:
        print(_lines(rows))
    some = "" if len(rows) == len(every) else f"{len(rows)} of "
    print(f"{some}{counted(len(every), 'run')} in {options.cache}")
    if not every:
        print(f"`{program()} train first-look` trains the first one")
    return 0


def selected(rows: list[Row], wanted: argparse.Namespace) -> list[Row]:
    """The rows that pass the filters of the options, sorted and cut. Raises ConfigError for a name that no run has."""
    filters = {name: getattr(wanted, name) or [] for name in FILTERS}
    for name in ("loss", "model", "dataset"):
        known = sorted({row[name] for row in rows} - {""})
        for value in filters[name]:
            if value not in known:
                allowed = f"one of {alternatives(value, known)}" if known else "nothing, since there is no run"
                raise ConfigError(((f"--{name}",), f"is {short(value)}, allowed: {allowed}"))
    if wanted.limit is not None and wanted.limit < 0:
        raise ConfigError((("--limit",), f"is {wanted.limit}, allowed: a whole number of at least 0"))
    found = library.find(rows, tags=wanted.tag or (), archived=wanted.archived, **filters)
    if wanted.sort != "submitted":  # the rows are in its order
        missing = {type(None): 1}
        found.sort(key=lambda row: (missing.get(type(row[wanted.sort]), 0), row[wanted.sort] or 0))
    if wanted.reverse:
        found.reverse()
    return found[: wanted.limit]


def _lines(rows: list[Row]) -> str:
    """The rows as text; names and tags have columns if any run has some."""
    own = [name for name in ("name", "tags") if any(row[name] for row in rows)]
    table = [["state", "time", *own, "run"]]
    for row in rows:
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f} s"
        texts = {"name": row["name"], "tags": ", ".join(row["tags"])}
        table.append([row["state"], seconds, *(texts[name] for name in own), row["id"] + _remarks(row)])
    return columns(table, right=[1])


def _remarks(row: Row) -> str:
    is_recorded = row["kind"] == "recorded"
    says_why = row["state"] in ("unreadable", "queued", "failed", "diverged")
    remarks = (
        row["note"].rstrip(".") if says_why else "",
        "imported" if row["imported"] else "",
        "recorded outside igbviz" if is_recorded else "",
        "shipped" if row["shipped"] else "",
        "archived" if row["archived"] else "",
    )
    text = ", ".join(filter(None, remarks))
    return f"  ({text})" if text else ""


def _run(row: Row, options: argparse.Namespace) -> Run:
    # not `Run.open`, which refuses the unreadable
    return Run.open(row["id"], options.cache) if row["shipped"] else Run(options.cache / "runs" / row["id"])


def show(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.cache)
    row = next((row for row in library.rows(options.cache) if row["id"] == run.id), None)
    if row is None:
        raise RunError(f"run {run.id} no longer exists: it was deleted")
    if options.json:
        from igbviz.cli.as_json import print_json, shown_values

        print_json(shown_values(row, run))
        return 0
    status = run.status
    print(
        f"{run.id}\n{status.state}: {status.message}\n{run.kind.unit} {status.step} of {status.steps}, "
        f"{status.seconds:.1f} s on {status.device or 'no device yet'}"
    )
    for title, text in (("name", row["name"]), ("tags", ", ".join(row["tags"])), ("note", row["remark"])):
        if text:
            print(f"{title}: {text}")
    if run.is_imported:
        print("imported: its records came in an archive and were not trained here")
    if run.is_recorded:
        print("recorded outside igbviz: it was not trained here, and cannot be")
    print(run.config.to_json())
    print(table(run))
    return 0

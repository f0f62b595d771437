"""`stop`, `rename`, `tag`, `delete` and `restore`: what changes about a run is never its numbers."""

from __future__ import annotations

import argparse
import sys

from igbviz.cli.arguments import add_cache, add_command, add_run, find_run, find_runs, program
from igbviz.cli.tables import counted
from igbviz.runs import annotations
from igbviz.runs.run import RunError
from igbviz.runs.trash import TRASH_DAYS, list_trash, trash
from igbviz.runs.trash import restore as restore_run
from igbviz.spec import short


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "stop runs that wait or are being trained; their probes are kept, and `train` continues them"
    add_run(add_command(commands, "stop", stop, text), several=True)

    command = add_command(commands, "rename", rename, "give a run a name in lists and legends; '' removes it")
    add_run(command)
    command.add_argument("name", metavar="NAME", help="the new name")

    command = add_command(commands, "tag", tag, "add tags to a run, or take them off; without TAG list them")
    add_run(command)
    command.add_argument("tags", metavar="TAG", nargs="*", help="words to find the run by")
    command.add_argument("--remove", action="store_true", help="take these tags off instead")

    text = f"move runs to the trash, from which they can be restored for {TRASH_DAYS} days"
    more = "It asks before it deletes several, and deletes nothing without a terminal, unless --yes is given."
    command = add_command(commands, "delete", delete, text, more=more)
    add_run(command, several=True)
    command.add_argument("--yes", action="store_true", help="do not ask")

    command = add_command(commands, "restore", restore, "bring deleted runs back; without RUN list the trash")
    command.add_argument("run", metavar="RUN", nargs="*", help="the name of a deleted run, or its beginning")
    add_cache(command)


def stop(options: argparse.Namespace) -> int:
    for run in find_runs(options.run, options.cache):
        if (status := run.status).ended:
            print(f"{run.id} has ended already: {status.state}")
        else:
            run.stop()
            words = "stopped" if run.stored_status().ended else "stops after its present step"
            print(f"{run.id}: {words}")
    return 0


def rename(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.cache)
    name = annotations.change(run, name=options.name).name
    print(f"{run.id} is named {name!r}" if name else f"{run.id} has no name any more")
    return 0


def tag(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.cache)
    if not options.tags:
        tags = annotations.read(run).tags
    elif options.remove:
        tags = annotations.change(run, drop=options.tags).tags
    else:
        tags = annotations.change(run, add=options.tags).tags
    print(f"{run.id}: {', '.join(tags) or 'no tag'}")
    return 0


def delete(options: argparse.Namespace) -> int:
    runs = find_runs(options.run, options.cache)
    if not options.yes and not sys.stdin.isatty():
        raise RunError("delete needs --yes where nobody can be asked")
    if not options.yes and len(runs) > 1:
        print(*(run.id for run in runs), sep="\n")
        if input(f"Delete these {len(runs)} runs? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was deleted", file=sys.stderr)
            return 1
    problems = trash(runs)
    gone = [run.id for run in runs if not run.path.is_dir()]
    for name in gone:
        print(f"deleted: {name}")
    for problem in problems:
        print(f"igbviz: {problem.removesuffix('.')}", file=sys.stderr)
    if gone:
        print(f"to restore it: `{program()} restore {gone[0]}`, for {TRASH_DAYS} days", file=sys.stderr)
    return 2 if problems else 0


def restore(options: argparse.Namespace) -> int:
    items = list_trash(options.cache)
    if not options.run:
        for item in items:
            print(item.id)
        print(f"{counted(len(items), 'run')} in the trash", file=sys.stderr)
    for text in options.run:
        found = list(dict.fromkeys(item.id for item in items if item.id == text)) or list(
            dict.fromkeys(item.id for item in items if item.id.startswith(text))
        )
        if len(found) != 1:
            problem = f"begins {counted(len(found), 'run')} in the trash" if found else "is not in the trash"
            raise RunError(f"{short(text)} {problem}: `{program()} restore` lists it")
        newest = next(item for item in items if item.id == found[0])
        print(f"restored: {restore_run(newest, options.cache).id}")
    return 0

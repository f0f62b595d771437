"""`completion`: a script for the shell, made from the parser, that completes commands, options, presets and runs.

The script starts no Python: what it offers is written into it, and the names of runs are those of folders.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from shlex import quote
from typing import NamedTuple

from igbviz.cli.arguments import add_command
from igbviz.config import PRESETS
from igbviz.runs.run import DEFAULT_CACHE

_BASH = """\
_igbviz() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  local runs="last $(ls "${{IGBVIZ_CACHE:-{cache}}}/runs" 2>/dev/null)"
  case "${{COMP_WORDS[1]}} $before" in
{values}
    *) case "$COMP_CWORD ${{COMP_WORDS[1]}}" in
      "1 "*) words="{commands} --help --version" ;;
{words}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _igbviz igbviz"""

_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"  # zsh then reads bash's

_FISH = """\
function __igbviz_runs
  set -l cache {cache}
  set -q IGBVIZ_CACHE; and set cache $IGBVIZ_CACHE
  echo last
  ls $cache/runs 2>/dev/null
end
complete -c igbviz -n __fish_use_subcommand -l version -d 'show the version'
{lines}"""


class Command(NamedTuple):
    """What a command is for, and what may follow it."""

    name: str
    text: str
    options: dict[str, argparse.Action]  # by name, as --json
    words: list[str]  # what its arguments may be, as far as that is known
    takes_runs: bool


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "print a script with which a shell completes commands, options, presets and the names of runs"
    more = (
        'bash: eval "$(igbviz completion bash)" in ~/.bashrc; zsh: the same with zsh in ~/.zshrc; '
        "fish: igbviz completion fish > ~/.config/fish/completions/igbviz.fish"
    )
    command = add_command(commands, "completion", completion, text, more=more)
    command.add_argument("shell", choices=("bash", "zsh", "fish"))


def completion(options: argparse.Namespace) -> int:
    from igbviz.cli import make_parser

    commands = list(commands_of(make_parser()))
    print(fish(commands) if options.shell == "fish" else _ZSH * (options.shell == "zsh") + bash(commands))
    return 0


def commands_of(parser: argparse.ArgumentParser) -> Iterator[Command]:
    """The commands of a parser."""
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in group.choices.items():
        arguments = [action for action in command._actions if not action.option_strings]
        options = {flag: action for action in command._actions for flag in action.option_strings if flag[:2] == "--"}
        words = [word for action in arguments for word in action.choices or ()]
        words += [preset for action in arguments if "PRESET" in str(action.metavar) for preset in PRESETS]
        words += command.get_default("registry") or ()
        takes_runs = any(action.metavar == "RUN" for action in arguments)
        yield Command(name, command.description or "", options, words, takes_runs)


def bash(commands: list[Command]) -> str:
    values = [
        f'    "{command.name} {option}") words={quote(" ".join(action.choices))} ;;'
        for command in commands
        for option, action in command.options.items()
        if action.choices
    ]
    words = []
    for command in commands:
        offered = [*command.options, *command.words, *["$runs"] * command.takes_runs]
        words.append(f'      *" {command.name}") words="{" ".join(offered)}" ;;')
    names = " ".join(command.name for command in commands)
    parts = {"values": "\n".join(values), "words": "\n".join(words), "commands": names}
    return _BASH.format(cache=DEFAULT_CACHE, **parts)


def fish(commands: list[Command]) -> str:
    lines = []
    for command in commands:
        lines.append(f"complete -c igbviz -n __fish_use_subcommand -a {command.name} -d {quote(command.text)}")
        after = f"complete -c igbviz -n '__fish_seen_subcommand_from {command.name}'"
        for option, action in command.options.items():
            values = f" -x -a {quote(' '.join(action.choices))}" if action.choices else ""
            lines.append(f"{after} -l {option[2:]} -d {quote(action.help or '')}{values}")
        if command.words:
            lines.append(f"{after} -a {quote(' '.join(command.words))}")
        if command.takes_runs:
            lines.append(f"{after} -a '(__igbviz_runs)'")
    return _FISH.format(cache=quote(str(DEFAULT_CACHE)), lines="\n".join(lines))

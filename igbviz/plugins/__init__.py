"""Plugins: installed packages that add losses, networks and data sets, by an entry point of the group `igbviz`.

    # pyproject.toml of the package
    [project.entry-points.igbviz]
    my-losses = "mypackage.losses"

The entry point names a module, a class (`"mypackage.losses:Hinge"`) or a list of classes. Of a module, all classes
count that are defined in it, or below it in a package, and that have a `name`. A class is a subclass of
`igbviz.losses.Loss`, `igbviz.models.Model` or `igbviz.datasets.Dataset`, whose docstrings say what it needs, each with
an example. Its choices then appear in the app, on the command line and in Python, with widgets from their fields.

Every field has a default, so that a page can show the choice before anything is set. The name is new: a built-in one,
or that of a plugin that comes before it in the alphabet, is not replaced. Import torch inside `values`, `build` or
`load`: pages draw, check and describe choices without it, and would start seconds later. The plugins are imported when
the first list of choices is needed, as by `igbviz.RunConfig`, so a plugin imports that only inside its functions, too.

`problems()` says what did not work. Nothing else is ever imported: a configuration names a package, but never a module.
"""

from __future__ import annotations

__all__ = ["problems"]


def problems() -> tuple[str, ...]:
    """One sentence, without its full stop, for everything that is wrong with an installed plugin; empty if all work.

    Imports the plugins if that has not happened yet.

    >>> igbviz.plugins.problems()
    ()
    """
    from igbviz.plugins import installed

    return tuple(installed.PROBLEMS)

"""What the pages share: the frame, widgets made from descriptions, and how runs are started, opened and read."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo
from streamlit.errors import StreamlitPageNotFoundError

from igbviz import sliders
from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.losses import LOSSES, Loss
from igbviz.losses.custom import symbols
from igbviz.runs import library
from igbviz.runs.queue import cache_folder
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from igbviz.spec import ConfigError, Description, kinds
from igbviz.trajectory import Trajectory
from igbviz.ui import messages

MENU = (
    ("app.py", "Home", ":material/home:"),
    ("pages/Train.py", "Train and watch", ":material/play_circle:"),
    ("pages/Initialisation.py", "Before training", ":material/casino:"),
    ("pages/Dynamics.py", "From bias to training", ":material/scatter_plot:"),
    ("pages/Losses.py", "Losses", ":material/trending_down:"),
    ("pages/Phases.py", "Phase diagram", ":material/gradient:"),
    ("pages/Robustness.py", "Robustness", ":material/shield:"),
    ("pages/Paper.py", "The paper", ":material/fact_check:"),
    ("pages/Lessons.py", "Lessons", ":material/school:"),
    ("pages/Compare.py", "Compare", ":material/compare:"),
    ("pages/Runs.py", "Runs", ":material/folder_open:"),
)
# Drawn here, since named icons are fetched from the network: a class that rises, one that falls.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke-width="2.4" stroke-linecap="round">'
    '<path d="M2 2.5C6 2.5 7 12 14 12" stroke="#d55e00"/><path d="M2 13.5C7 13.5 8 5 14 5" stroke="#2f74c0"/></svg>'
)
STYLE = (
    ".block-container {padding-top: 2.5rem; padding-bottom: 2rem}"  # a projector has few lines
    "[data-testid=stHeader] {background: none}"  # it reaches below that padding, and would cover the top of the first heading
    # Beside the menu a narrow window leaves two charts no width for their lines: there they stand one below the other.
    "@media (max-width: 1060px) {"
    ".block-container {padding-left: 2rem; padding-right: 2rem}"
    ".stApp:has([data-testid=stSidebar][data-collapsed=false]) .block-container [data-testid=stColumn] {min-width: min(20rem, 100%)}"
    ".block-container [data-testid=stColumn] [data-testid=stColumn] {min-width: 0 !important}}"  # a slider and its number stay together
    "[data-testid=stSidebar] .katex-display {font-size: 0.7em}"  # most formulas fit, in part below each other
    # Chosen items: on the light blue of the dark theme white letters could hardly be read, so both themes have their own text on a tint.
    "[data-tag] {background: rgba(74, 144, 226, 0.28) !important}"
    "[data-tag], [data-tag] span, [data-tag] button {color: inherit !important}"
)
SIDE_BY_SIDE, BELOW = r", \quad ", r" \\ "  # between the parts of a long formula, in LaTeX
STATE_LOOKS = {
    "queued": ("gray", ":material/hourglass_empty:"),
    "running": ("blue", ":material/play_arrow:"),
    "done": ("green", ":material/check:"),
    "stopped": ("orange", ":material/stop:"),
    "lost": ("orange", ":material/sync_problem:"),
    "failed": ("red", ":material/error:"),
    "diverged": ("red", ":material/trending_up:"),
    "unreadable": ("gray", ":material/broken_image:"),
}


def shell(title: str) -> Path:
    """The frame of every page: window title, menu. Returns the cache folder that the page works on."""
    st.set_page_config(page_title=f"{title} · igbviz", page_icon=ICON, layout="wide")
    st.html(f"<style>{STYLE}</style>")
    with st.sidebar:
        st.markdown("### igbviz")
        for path, label, icon in MENU:
            link(path, label, icon=icon)
    return cache_folder()  # read at every draw, so that tests can set it


def link(page: str, label: str, icon: str | None = None, **query: str) -> None:
    """A link to another page; only its label where a page is run by itself and has no siblings."""
    try:
        st.page_link(page, label=label, icon=icon, query_params=query or None)
    except StreamlitPageNotFoundError:
        st.caption(label)


def asked(name: str, allowed: Collection[str], otherwise: str) -> str:
    """What the address says of this, where that is possible; else `otherwise`, with a sentence if it says something else."""
    value = st.query_params.get(name, otherwise)
    if value in allowed:
        return value
    if value != otherwise:
        nowhere(f"{name} is {value[:80]!r}, allowed: one of {', '.join(allowed)}")
    return otherwise


def address(**query: str | None) -> None:
    """Put these into the address, None out of it; only what changes is sent."""
    for name, value in query.items():
        if value is None and name in st.query_params:
            del st.query_params[name]
        elif value is not None and st.query_params.get(name) != value:
            st.query_params[name] = value


def loss_query(loss: Loss) -> dict[str, str]:
    """What a link to the Train page says so that its form opens with this loss: its name, and as JSON the knobs that were turned."""
    turned = {name: value for name, value in loss.canonical().items() if name != "name"}
    return {"loss": loss.name} | ({"knobs": json.dumps(turned, separators=(",", ":"))} if turned else {})


def asked_loss(query: Mapping[str, str]) -> Loss | None:
    """The loss that a link asks for; None where it asks for none. Raises ConfigError for one that does not exist, and for knobs that make
    no loss."""
    name, knobs = query.get("loss"), query.get("knobs", "{}")
    if name is None:
        return None
    if name not in LOSSES:
        raise ConfigError((("loss",), f"is {name[:80]!r}, allowed: one of {', '.join(LOSSES)}"))
    try:
        turned = json.loads(knobs)
    except (ValueError, RecursionError):
        raise ConfigError((("knobs",), f"are {knobs[:80]!r}, allowed: a JSON object of the knobs of {name}")) from None
    if not isinstance(turned, dict):
        raise ConfigError((("knobs",), f"are {knobs[:80]!r}, allowed: a JSON object of the knobs of {name}"))
    return LOSSES[name].model_validate(turned | {"name": name})


def state_badge(state: str) -> None:
    colour, icon = STATE_LOOKS[state]
    st.badge(state, color=colour, icon=icon)


def duration(seconds: float | None) -> str:
    """Seconds in words that fit: '8 s', '3 min', '2.5 h', '4 days'."""
    if seconds is None:
        return "unknown"
    for size, unit, digits in ((86400, "days", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under a second"


# Widgets from descriptions.


def choose_part(label: str, registry: Mapping[str, type[Description]], start: Description, key: str) -> dict[str, Any]:
    """A selector for one of the descriptions in a registry and the widgets of its knobs; the chosen values as a mapping."""
    names = list(registry)
    name = st.selectbox(label, names, index=names.index(start.name), format_func=lambda n: part_title(registry[n], n), key=f"{key}-name")
    part = registry[name]
    if part.__doc__:
        st.caption(part.__doc__.strip().split("\n\n")[0].replace("\n", " "))
    formula = st.empty()
    values = start.model_dump() if start.name == name else {}
    chosen = {"name": name} | knobs(part, values, f"{key}-{name}")
    if issubclass(part, Loss):
        with contextlib.suppress(ConfigError):  # said by whoever builds the whole configuration
            formula.latex(stacked(part(**chosen)))
    return chosen


def stacked(loss: Loss) -> str:
    """A loss in LaTeX for a narrow place, the side bar or a card: its parts below each other."""
    return rf"\begin{{gathered}} {loss.latex().replace(SIDE_BY_SIDE, BELOW)} \end{{gathered}}"


def part_title(part: type[Description], name: str) -> str:
    """How a description is called on the page; its own name where one class stands for several."""
    several = len(get_args(part.model_fields["name"].annotation)) > 1
    return name if several else getattr(part, "title", name)


def knobs(part: type[Description], values: Mapping[str, Any], key: str, drag: bool = False) -> dict[str, Any]:
    """A widget for every knob of a description, with its help; returns what they are set to, which nobody has checked yet. With `drag`,
    numbers that have two limits get sliders."""
    chosen = {}
    for name, field in part.knobs().items():
        value = values.get(name, field.default)
        if get_origin(field.annotation) is dict:  # a number for each name that a formula asks for
            chosen[name] = _parameters(chosen.get("formula", ""), value, f"{key}-{name}")
        elif drag and (those := sliders.of_field(field)):
            chosen[name] = sliders.number(knob_title(name, field), those, value, f"{key}-{name}", field.description)
        else:
            chosen[name] = knob(name, field, value, f"{key}-{name}")
    return chosen


def _parameters(formula: str, values: Mapping[str, float], key: str) -> dict[str, float]:
    try:
        starts = {name: values.get(name, 1.0) for name in symbols(formula)}
        return {name: sliders.number(name, sliders.around(start), start, f"{key}-{name}") for name, start in starts.items()}
    except ConfigError:
        return dict(values)  # the formula cannot be read; the sentence about it comes with the whole configuration


def knob_title(name: str, field: FieldInfo) -> str:
    return field.title or name.replace("_", " ").capitalize()


def knob(name: str, field: FieldInfo, value: Any, key: str) -> Any:
    """One widget, made from the type and the help of a field. Whoever describes something with its value checks the limits."""
    label = knob_title(name, field)
    alternatives = dict((get_origin(kind) or kind, (kind, bounds)) for kind, bounds in kinds(field))
    common = {"help": field.description, "key": key}
    number = next((kind for kind in (bool, int, float) if kind in alternatives), None)
    words = get_args(alternatives[Literal][0]) if Literal in alternatives else ()
    if number is bool:
        return st.toggle(label, value=value, **common)
    if words and number is None:
        return st.selectbox(label, words, index=words.index(value), **common)
    if words:  # a number or a word, as in 'all'
        if st.toggle(f"{label}: {words[0]}", value=value in words, key=f"{key}-{words[0]}", help=field.description):
            return words[0]
        value = 2000 if value in words else value
    if number is not None:
        # Without its limits, which the browser would keep silently: what is typed then is what is checked, and told of.
        return st.number_input(
            label,
            value=None if value is None else number(value),
            step=1 if number is int else _step(value),
            format="%d" if number is int else "%g",
            placeholder="as it is",
            **common,
        )
    text = st.text_input(label, value=value or "", **common)
    return text or (None if type(None) in alternatives else "")


def within(name: str, value: float, lowest: float, highest: float) -> float:
    """A number of the page that is no knob of a description, checked. Raises ConfigError."""
    if not lowest <= value <= highest:
        kind = "a whole number" if isinstance(highest, int) else "a number"
        raise ConfigError(((name,), f"is {value:.15g}, allowed: {kind} from {lowest:.15g} to {highest:.15g}"))
    return value


def nearest(name: str, value: float, lowest: float, highest: float) -> float:
    """The number where it is allowed, else a sentence on the page and the nearest one that is: for what is drawn whatever is typed."""
    try:
        return within(name, value, lowest, highest)
    except ConfigError as error:
        wrong(f"{error}; shown: {(shown := min(max(value, lowest), highest)):g}")
        return shown


def _step(value: float | None) -> float:
    """A tenth of the value's own size: 0.1 moves by 0.01, 0.001 by 0.0001."""
    return 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 0.1


# Lists of runs. Kept for a moment and shared, not copied: thirty viewers of a list look at the folders once.


@st.cache_resource(ttl=2, max_entries=4, show_spinner=False)
def _rows(cache: str) -> list[library.Row]:
    return library.rows(cache)


def run_rows(cache: Path) -> list[library.Row]:
    """One mapping a run for a table, newest first; see `library.rows`. To be read only: other viewers look at the same list."""
    return _rows(str(cache))


def forget_rows() -> None:
    """Read the list afresh next time: something was changed from this page."""
    _rows.clear()


def start(config: RunConfig | EnsembleConfig | dict[str, Any], cache: Path, *, own: bool = False) -> Run | None:
    """Submit a run; one sentence on the page and None when that cannot be done. `own`: not the one that ships with the program."""
    try:
        return submit(config, cache, own=own)
    except (ConfigError, RunError, OSError) as error:
        wrong(error, icon=":material/error:")
        return None


def wrong(problem: object, place: Any = st, icon: str = ":material/edit:") -> None:
    """What cannot be as it was described, in a sentence. What somebody typed is shown as text: `**` in a formula is no bold print."""
    place.error(messages.quoting(f"{problem}."), icon=icon)


def open_run(run_id: str, cache: Path, kind: type[Description] = RunConfig) -> Run | None:
    """The run of a link; a friendly sentence and None when there is no such run. One of the other kind turns to its own page."""
    try:
        run = Run.open(run_id, cache)
    except RunError as error:
        nowhere(error)
        return None
    with contextlib.suppress(RunError):  # an unreadable run is told of by whoever shows it
        if not isinstance(run.config, kind):
            st.switch_page(page_of(run.config), query_params={"run": run.id})
    return run


def nowhere(problem: object) -> None:
    """A link that cannot be followed, in a sentence; what the link said is shown as text."""
    st.warning(messages.plain(f"This link leads nowhere: {problem}."), icon=":material/link_off:")


def page_of(config: RunConfig | EnsembleConfig) -> str:
    """The page that shows runs of this kind."""
    return "pages/Initialisation.py" if isinstance(config, EnsembleConfig) else "pages/Train.py"


# Everybody who watches the same run at the same moment shares what was read of it: the key is the length of its file.


@st.cache_resource(max_entries=16, show_spinner=False)
def shown_trajectory(path: str, size: int) -> Trajectory:
    """The probes that charts draw, of the run in this folder when its records had `size` bytes."""
    return Run(Path(path)).glance()


def how_it_works() -> None:
    """What the Train page says before a run is chosen."""
    st.title("Train and watch", anchor=False)
    st.markdown(
        "Choose a preset on the left and press **Train**. The network trains in a process of its own: you may close the page, reload it or "
        "send its link to somebody else, and the run goes on.\n\n"
        "The charts begin at **Init.**, the network before its first step, and run on a logarithmic time axis, because the first prejudice "
        "is won or lost within the first batches. On the left the probability a class gets, on the right how many of its images are "
        "recognised; the class that the untrained network favours is drawn bold."
    )

"""A race in its address: the run that is repeated, as a preset with changes, and what differs between the lanes.

    ?lanes=["cross-entropy",{"name":"gce","q":0.5}]                  the first look, with these losses
    ?preset=paper-quick-blurry&changes={"seed":3}&cure=batch-norm    a run against itself with a change

So a link is the same race on every machine, run there already or not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from igbviz.config import PRESETS, RunConfig
from igbviz.config.interventions import INTERVENTIONS
from igbviz.config.presets import DEFAULT
from igbviz.losses import Loss
from igbviz.runs.sweep_config import INTERVENTION, Sweep, race_of_cure, race_of_losses
from igbviz.spec import ConfigError
from igbviz.ui.run_query import form_from_query, form_to_query
from igbviz.ui.runs import FIRST_LOOKS


def race_to_query(race: Sweep) -> dict[str, str]:
    """The address of a race that `race_of_losses` or `race_of_cure` made."""
    names = [name for name in PRESETS if name != "first-look"]
    if cure := race.axes.get(INTERVENTION):
        lanes = {"cure": str(cure[1])}
        forms = {name: form_to_query(race.base, PRESETS[name].config) for name in names}
    else:
        losses = [config.loss.canonical() for config in race.configs()]
        values = [loss["name"] if len(loss) == 1 else loss for loss in losses]
        lanes = {"lanes": json.dumps(values, separators=(",", ":"))}
        # the loss of the preset stands for nothing
        bases = {name: race.base.with_(loss=PRESETS[name].config.loss) for name in names}
        forms = {name: form_to_query(bases[name], PRESETS[name].config) for name in names}
    name = min(names, key=lambda name: sum(len(text) for text in forms[name].values() if text))
    query = {"preset": name if name != DEFAULT else None, **forms[name], **lanes}
    return {field: text for field, text in query.items() if text is not None}


def race_from_query(query: Mapping[str, str]) -> Sweep:
    """The race that an address names; without lanes, that of the three first looks. Raises ConfigError."""
    name = query.get("preset", DEFAULT)
    if name not in PRESETS:
        raise ConfigError((("preset",), f"is {name[:80]!r}, allowed: one of {', '.join(PRESETS)}"))
    config = form_from_query(query, PRESETS[name].config)
    if (cure := query.get("cure")) is not None:
        if cure not in INTERVENTIONS:
            raise ConfigError((("cure",), f"is {cure[:80]!r}, allowed: one of {', '.join(INTERVENTIONS)}"))
        return race_of_cure(config, cure)
    if (lanes := query.get("lanes")) is None:
        return race_of_losses(config, [PRESETS[name].config.loss for name in FIRST_LOOKS])
    return race_of_losses(config, _losses(lanes))


def _losses(text: str) -> list[Loss]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str | dict) for value in values):
        allowed = 'a JSON list of losses, as in ["cross-entropy", {"name": "gce", "q": 0.5}]'
        raise ConfigError((("lanes",), f"are {text[:80]!r}, allowed: {allowed}"))
    return [RunConfig(loss={"name": value} if isinstance(value, str) else value).loss for value in values]

"""Draw the networks of this package and write what their nodes do: minutes on one core; finished parts are kept."""

from __future__ import annotations

from tqdm import tqdm

from igbviz.studies.nodes import hidden, shifts

if __name__ == "__main__":
    hidden.write({name: hidden.measure(name) for name in hidden.NETWORKS})
    planned = {key: config.id for key, config in shifts.configs().items()}
    rows = [row for row in shifts.read() if planned.get(row.key) == row.run]
    total = len(planned) - len(rows)
    for row in tqdm(shifts.measure(rows), total=total, unit="ensemble", disable=None):
        rows.append(row)
        shifts.write(rows)

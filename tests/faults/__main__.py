"""`python -m tests.faults`: do faults for some minutes, print the table; exit status 1 if a case failed."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.faults.campaign import campaign, conditions, run_case, table
from tests.faults.registry import load


def main() -> int:
    faults = load()
    parser = argparse.ArgumentParser("python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, help="of all that is random; by default another one every time")
    parser.add_argument("--only", choices=list(faults), action="append", help="this fault; may be repeated")
    parser.add_argument("--case", type=int, help="only the case of this number, of the one fault in --only")
    parser.add_argument("--brief", action="store_true", help="cases with a fifth of the faults, as in the tests")
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    chosen = [faults[name] for name in options.only or faults]
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        if options.case is not None:
            if len(chosen) != 1:
                parser.error("--case needs --only")
            result = run_case(chosen[0], seed, options.case, Path(folder), is_alone=True, is_brief=options.brief)
            print(result.text or result.missing or f"{result.faults} faults: nothing lost, hung or traced back")
            return int(bool(result.outcome))
        print(f"seed {seed}", flush=True)
        tallies = campaign(chosen, options.minutes, seed, Path(folder), partial(print, flush=True), options.brief)
    print(f"\n{conditions(options.minutes, seed)}\n\n{table(tallies)}")
    return int(any(tally.problems for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())

"""Two workers, or two apps, on one cache."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from igbviz.runs import queue
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit_all
from igbviz.runs.trash import list_trash, restore, trash
from tests.faults.registry import Case, fault, losing
from tests.faults.trainings import ALONE_SECONDS, Watched, end, forked, reference, some_config, wait_for
from tests.support.pages import PAGES, page
from tests.support.trajectories import same


@fault("two-workers", "two or three workers on one cache, one of them killed")
def two_workers(case: Case) -> None:
    run = Watched(case)
    configs = {config.id: config for config in (some_config(case) for _ in range(case.few(3)))}
    runs = submit_all(configs.values(), run.cache)
    workers = [run.start() for _ in range(case.random.choice((2, 3)))]
    time.sleep(case.random.random())
    end(workers.pop())
    case.count()
    for pid in workers:
        wait_for(pid, 3 * ALONE_SECONDS)
    run.finish()
    with losing("a run"):
        for each in runs:
            status = each.stored_status()
            assert status.state == "done", status
            assert same(each.trajectory().records, reference(each.config, case.folder)[0]), each.id
        assert not queue.waiting(run.cache)


@fault("two-apps", "two apps and a worker on one cache: pages, submits, stops, the trash", seconds=240)
def two_apps(case: Case) -> None:
    run = Watched(case)
    os.environ["IGBVIZ_CACHE"] = str(run.cache)
    configs = [some_config(case) for _ in range(2)] + [run.config]
    seeds = [case.random.randrange(2**32) for _ in range(2)]
    apps = [forked(lambda seed=seed: _use(run, configs, seed, case.few(7)), case.folder) for seed in seeds]
    worker = run.start()
    for app in apps:
        if wait_for(app, 200):
            raise AssertionError((case.folder / "traceback.txt").read_text())
        case.count()
    end(worker)
    for item in list_trash(run.cache):
        with suppress(RunError):
            restore(item, run.cache)
    submit_all([run.config], run.cache)
    run.safe = b""  # it may have been in the trash, and another begun
    run.finish()


def _use(run: Watched, configs: list, seed: int, most: int) -> None:
    """What somebody does with an app, for some seconds."""
    from random import Random

    random, ids = Random(seed), [config.id for config in configs]
    for _ in range(random.randint(min(3, most), most)):
        some = Run(run.cache / "runs" / random.choice(ids))
        action = random.choice(("page", "page", "submit", "stop", "resume", "trash", "restore"))
        with suppress(RunError):
            if action == "page":
                path = random.choice(PAGES)
                page(path, **({"run": some.id} if path.stem == "Train" else {}))
            elif action == "submit":
                submit_all(random.sample(configs, 2), run.cache)
            elif action in ("stop", "resume"):
                getattr(some, action)()
            elif action == "trash":
                trash([some])
            else:
                for item in list_trash(run.cache)[:1]:
                    restore(item, run.cache)

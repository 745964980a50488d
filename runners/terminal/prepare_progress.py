"""How far prepare is, over all of its stages: megabytes of input, from 0 to all of them, once.

Each stage counts for what it costs (`pipelines.foresight.stage_costs`). A stage is looked at once
it has written down, in this run, what its tasks are; then its receipts are counted. What was
committed before counts as done, and not for the rate. An object store is not looked at: it is too
slow.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from pipelines import files, stages
from pipelines.foresight import stage_costs
from pipelines.units import Unit

from .progress import amount, clock

# No time left is told before the work has gone on for so long, and has come so far.
_SETTLE_SECONDS = 3.0
_SETTLE_SHARE = 0.03
# Counting receipts takes up no more than this share of the time.
_LOOKING_SHARE = 0.05


@dataclasses.dataclass
class _Seen:
    """Tasks of a stage: in all, done before it was begun, done now."""

    tasks: int
    before: int
    done: int

    def share(self, done: int) -> float:
        return done / self.tasks if self.tasks else 1.0


class PrepareProgress:
    """Looks at a work folder whenever it is called.

    Args:
      workdir: where prepare works. names: of its stages, in order.
      units: of the input. workers: processes.
      now: the clock, in seconds.
    """

    def __init__(
        self,
        workdir: str,
        names: Sequence[str],
        units: Sequence[Unit],
        workers: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workdir, self._names, self._now = workdir, list(names), now
        self._remote = files.is_remote(workdir)
        self.megabytes = sum(unit.size for unit in units) / 1e6
        costs = stage_costs.costs(names, stage_costs.text_bytes(units), workers)
        self._expected = sum(cost.seconds for cost in costs)
        self._shares = {cost.name: cost.seconds / self._expected for cost in costs}
        self._old = {} if self._remote else {name: self._stamp(name) for name in names}
        self._seen: dict[str, _Seen] = {}
        self._done = self._before = 0.0
        self._created = now()
        self._began: float | None = None  # when the first stage was seen that has work to do
        self._advanced: float | None = None  # when something was last done
        self._next_look = 0.0

    def __call__(self) -> tuple[float, float | None, str]:
        """Megabytes done and in all, and the words for it; (0, None, "") for an object store."""
        if self._remote:
            return 0.0, None, ""
        start = self._now()
        if start >= self._next_look:
            self._look()
            self._next_look = start + (self._now() - start) / _LOOKING_SHARE
        return self._done, self.megabytes, self._text()

    def pace(self) -> dict[str, Any]:
        """For the next run's guess (see `durations`): {"megabytes": of input, "done": how many of
        them were done in this run and not before, "seconds": from the first of them up to now,
        "expected_seconds": what `stage_costs` says of them, "start_seconds": until the first stage
        began}; megabytes alone where nothing was seen to be done."""
        facts: dict[str, Any] = {"megabytes": round(self.megabytes, 3)}
        if self._began is not None and self._advanced is not None:
            done = self._done - self._before
            facts |= {
                "done": round(done, 3),
                "expected_seconds": round(self._expected * done / (self.megabytes or 1.0), 3),
                "seconds": round(self._now() - self._began, 1),
                "start_seconds": round(self._began - self._created, 1),
            }
        return facts

    def _stamp(self, name: str) -> str | None:
        try:
            return files.stamp(stages.plan_path(self._workdir, name))
        except OSError:
            return None

    def _look(self) -> None:
        for name in self._names:
            seen = self._seen.get(name)
            if seen is None:
                if self._stamp(name) in (None, self._old[name]):
                    break  # not planned in this run
                plan = stages.read_plan(self._workdir, name)
                seen = self._seen[name] = _Seen(len(plan["tasks"]), plan["done"], plan["done"])
            if seen.done < seen.tasks:
                self._began = self._now() if self._began is None else self._began
                seen.done = min(seen.tasks, stages.count_done(self._workdir, name))
        before, done = (
            self.megabytes * sum(self._shares[name] * share for name, share in shares)
            for shares in (
                [(name, seen.share(seen.before)) for name, seen in self._seen.items()],
                [(name, seen.share(seen.done)) for name, seen in self._seen.items()],
            )
        )
        if self._all_done():
            done = self.megabytes  # which the sum of the shares may miss by a hair
        if done - before > self._done - self._before:
            self._advanced = self._now()
        self._done, self._before = max(done, self._done), before

    def _text(self) -> str:
        parts = [
            *self._at_work(),
            f"{amount(self._done, self.megabytes)} of {amount(self.megabytes)} MB",
        ]
        rate = self._rate()
        if rate is not None:
            parts.append(f"{rate:.1f} MB/s" if rate >= 0.1 else f"{rate:.2g} MB/s")
            assert self._advanced is not None
            left = (self.megabytes - self._done) / rate - (self._now() - self._advanced)
            if self._done < self.megabytes:
                parts.append(f"{clock(max(1.0, left))} left")
        return ", ".join(parts)

    def _at_work(self) -> list[str]:
        """The stage that is at work: the last one that is planned; none before the first."""
        if not self._seen:
            return ["starting"]
        name, seen = list(self._seen.items())[-1]
        if self._all_done():
            return ["publish"]
        return [f"{name} {seen.done:,} of {seen.tasks:,} {'unit' if seen.tasks == 1 else 'units'}"]

    def _all_done(self) -> bool:
        seen = self._seen.values()
        return len(seen) == len(self._names) and all(one.done == one.tasks for one in seen)

    def _rate(self) -> float | None:
        """Megabytes a second, up to when something was last done; None while it says little."""
        if self._began is None or self._advanced is None:
            return None
        elapsed, new = self._advanced - self._began, self._done - self._before
        if elapsed < _SETTLE_SECONDS or new < _SETTLE_SHARE * (self.megabytes - self._before):
            return None
        return new / elapsed

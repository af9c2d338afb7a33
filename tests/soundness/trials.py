"""Trials: random projects, random edits, Penstock against everything built by dbt.

`python tests/soundness/trials.py --edits 5000 --seed 7` prints the table and ends with 1 where a rebuild was missed.
A world is one dbt project of many islands: each island gets one edit before each build, so that one parse serves many edits.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path

import duckdb
from edits import COSMETIC, Edit, any_edit
from making import Maker
from oracle import WAREHOUSE, Contents, Dbt, Fresh, Truth, read_file
from penstock.app.build import Stopper, build_project
from penstock.app.planning import Wanted
from penstock.app.settings import Place, discover
from penstock.assets.asset import Asset
from penstock.runner.outcomes import Outcome

ISLANDS, ROUNDS = 16, 8
PROJECT = """\
name: world
version: "1.0"
config-version: 2
profile: world
flags: {{send_anonymous_usage_stats: false}}
vars: {{{}}}
"""
PROFILE = f"""\
world:
  target: dev
  outputs:
    dev: {{type: duckdb, path: "{{{{ env_var('{WAREHOUSE}', flags.PROFILES_DIR ~ '/warehouse.duckdb') }}}}", schema: main, threads: 1}}
"""


@dataclass
class Tally:
    """Sums over edits of one kind; all but `edits`, `misses` and `dbt_missed` count assets, ephemeral models and sources left out.

    `changed`: another content or schema than before. `ideal`: those of them that had to be built, since a view whose own
    code is the same shows changed rows without. `explained`: built though not ideal, their own query means something else now.
    """

    edits: int = 0
    changed: int = 0
    ideal: int = 0
    built: int = 0
    explained: int = 0
    missed: int = 0
    dbt_built: int = 0
    dbt_missed: int = 0
    everything: int = 0

    def add(self, other: Tally) -> None:
        """Add another one's figures."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(frozen=True)
class Decided:
    """What Penstock recorded of an asset in a run."""

    decision: str
    reason: str
    status: str
    detail: str

    @property
    def built(self) -> bool:
        """Whether it ran."""
        return self.status not in ("reused", "skipped", "unfinished")

    def __str__(self) -> str:
        return f"{self.decision} {self.reason} ({self.detail}), {self.status}"


@dataclass
class Figures:
    """All tallies by kind of edit; each miss, and each asset that was built beyond the ideal, in words."""

    kinds: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    misses: list[str] = field(default_factory=list)
    spare: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def total(self) -> Tally:
        """Everything together."""
        total = Tally()
        for tally in self.kinds.values():
            total.add(tally)
        return total

    def add(self, other: Figures) -> None:
        """Add another one's figures."""
        for kind, tally in other.kinds.items():
            self.kinds[kind].add(tally)
        self.misses += other.misses
        self.spare += other.spare
        self.seconds += other.seconds


class Silent:
    """A sink that says nothing."""

    def started(self, number: int, total: int, asset: Asset, executor: str) -> None:
        """An asset begins."""

    def finished(self, number: int, total: int, outcome: Outcome) -> None:
        """An asset ended."""


class World:
    """A project in a folder, Penstock's database beside it, and the oracle's; with `incrementals` the oracle is `dbt build`."""

    def __init__(self, folder: Path, seed: str, *, incrementals: bool = False, islands: int = ISLANDS, only: int | None = None) -> None:
        self.folder = folder
        self.seed = seed
        self.incrementals = incrementals
        self.chances = {number: random.Random(f"{seed}:{number}") for number in range(islands) if only in (None, number)}
        self.islands = {n: Maker(f"i{n:02}", chance, incrementals=incrementals).island_made() for n, chance in self.chances.items()}
        self.dbt = Dbt(folder, folder / "oracle")
        self.fresh = Fresh()
        self.database = folder / "warehouse.duckdb"
        self.truth = Truth({}, {}, {})
        self.stale: dict[str, str] = {}
        self.spare: list[str] = []
        self._texts: dict[str, str] = {}

    def rounds(self, number: int) -> Iterator[Figures]:
        """Build, then yield the figures of that many rounds of edits."""
        self._write()
        self._load([source.sql(20) for island in self.islands.values() for source in island.sources.values()])
        self._build({})
        for one in range(number):
            yield self._round(one)

    def same_as_dbt(self) -> list[str]:
        """Build everything with dbt itself, too, and return where the fresh database differs."""
        self.dbt.parse()  # compiling left its marks in the manifest
        built = self.dbt.built()
        problems = [f"{name}: {how}" for name, one in self.truth.relations.items() if (how := one.differs(built.relations.get(name)))]
        return problems + ([] if built.failures == self.truth.failures else [f"tests: {built.failures} instead of {self.truth.failures}"])

    def _round(self, number: int) -> Figures:
        before = self.truth
        edits = {n: any_edit(island, self.chances[n], project_file=number % 4 == 1) for n, island in self.islands.items()}
        self._write()
        self._load([statement for edit in edits.values() for statement in edit.sql])
        return self._build(edits, before, number)

    def _build(self, edits: dict[int, Edit], before: Truth | None = None, number: int = -1) -> Figures:
        self.truth = self._oracle(
            {name for edit in edits.values() for name in edit.sources}
        )  # first: it shows whether the project is valid
        decided = self._penstock()
        wrong = self._wrong(decided)
        figures = Figures()
        if before is None:
            figures.misses = [f"first build: {name}: {how}" for name, how in wrong.items()]
            assert not figures.misses, figures.misses
            return figures
        for n, edit in edits.items():
            missed = {name: how for name, how in wrong.items() if f"i{n:02}_" in name and name not in self.stale}
            figures.kinds[edit.kind].add(self._tally(f"i{n:02}_", edit, before, decided, len(missed)))
            place = f"SEED={self.seed.split(':')[0]} ONLY={self.seed.split(':')[1]}:{n}"
            figures.misses += [
                f"{place} round {number}: {edit.kind} ({edit.text}): {name}: Penstock: {decided.get(name, 'no decision')}: {how}"
                for name, how in missed.items()
            ]
        self.stale = wrong
        return figures

    def _tally(self, prefix: str, edit: Edit, before: Truth, decided: dict[str, Decided], missed: int) -> Tally:
        now = self.truth
        names = [name for name in now.relations if name.startswith(prefix)]
        changed = {name for name in names if now.relations[name].differs(before.relations.get(name))}
        same_code = edit.kind in COSMETIC or edit.sources or edit.kind.startswith("seed")
        recoded = set() if same_code else {name for name in names if now.queries[name] != before.queries.get(name)}
        ideal = {name for name in changed if name in recoded or not _shows(now.relations[name], before.relations.get(name))}
        built = {name for name in names if name in decided and decided[name].built}
        by_dbt = now.by_dbt & set(names)
        self.spare += [f"{edit.kind} ({edit.text}): {name}: {decided[name]}" for name in sorted(built - ideal)]
        return Tally(
            1, len(changed), len(ideal), len(built), len(built & recoded - ideal), missed, len(by_dbt), len(ideal - by_dbt), len(names)
        )

    def _wrong(self, decided: dict[str, Decided]) -> dict[str, str]:
        """Return what differs in Penstock's database: relations by name, and tests whose last result is another one."""
        ours = read_file(self.database)
        found = {name: how for name, one in self.truth.relations.items() if (how := one.differs(ours.get(name)))}
        found |= dict.fromkeys(ours.keys() - self.truth.relations.keys(), "should not be there")
        with closing(duckdb.connect(str(self.database), read_only=True)) as connection:
            rows = connection.execute('select "check", max_by(failures, checked_at) from penstock.check_history group by all').fetchall()
        known = dict(rows)
        return found | {
            name.split(".")[2]: f"test {name}: {known.get(name)} failures instead of {count}"
            for name, count in self.truth.failures.items()
            if known.get(name) != count
        }

    def _oracle(self, touched: set[str]) -> Truth:
        self.dbt.parse()
        seeds = {name: seed for island in self.islands.values() for name, seed in island.seeds.items()}
        if self.incrementals:
            truth = self.dbt.built()
            truth.queries |= {name: seed.sql() for name, seed in seeds.items()}
        else:
            truth = self.fresh.built(self.dbt.compiled(), seeds)
        truth.by_dbt = self.dbt.modified(touched)
        return truth

    def _penstock(self) -> dict[str, Decided]:
        """Run `penstock build` in this process; return what it recorded, by name."""
        settings = discover(Place(), self.folder, dict(os.environ))
        report = build_project(settings, Wanted(), lambda _planned: Silent(), lambda _line: None, Stopper())
        bad = [f"{outcome.asset.key}: {outcome.message}" for outcome in report.outcomes if outcome.status.holds_back]
        assert report.ok, f"SEED={self.seed}: Penstock could not build: {bad}"
        with closing(duckdb.connect(str(self.database), read_only=True)) as connection:
            rows = connection.execute(
                "select asset, decision, reason, status, detail from penstock.run_steps where run_id = ?", [report.run_id]
            ).fetchall()
        return {asset.split(".")[2]: Decided(*rest) for asset, *rest in rows}

    def _load(self, statements: Sequence[str]) -> None:
        """Change the sources, in each database the same way."""
        script = ";\n".join(statements)
        self.fresh.connection.execute(script or "select 1")
        for path in (self.database, self.dbt.database):
            with closing(duckdb.connect(str(path))) as connection:
                connection.execute(f"create schema if not exists raw;\n{script}")

    def _write(self) -> None:
        """Write the files that changed; the others keep their times."""
        variables = ", ".join(f"{name}: {value}" for island in self.islands.values() for name, value in island.vars.items())
        texts = {"dbt_project.yml": PROJECT.format(variables), "profiles.yml": PROFILE}
        for island in self.islands.values():
            texts |= dict(island.files())
        for name, text in texts.items():
            if self._texts.get(name) != text:
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        self._texts = texts


def _shows(now: Contents, before: Contents | None) -> bool:
    """Tell whether a view shows what changed without being built: other rows only."""
    return before is not None and (now.kind, now.columns, now.catalog) == ("view", before.columns, before.catalog) == (
        before.kind,
        now.columns,
        now.catalog,
    )


def trial(seed: int, world: int, *, rounds: int = ROUNDS, islands: int = ISLANDS, incrementals: bool = False, only: int | None = None,
          check: bool = False, keep: Path | None = None) -> Figures:  # fmt: skip
    """Run one world and return its figures; with `check` the fresh database is compared with `dbt build` at the end."""
    started = time.monotonic()
    folder = keep or Path(tempfile.mkdtemp(prefix="soundness"))
    figures = Figures()
    try:
        made = World(folder, f"{seed}:{world}", incrementals=incrementals, islands=islands, only=only)
        for one in made.rounds(rounds):
            figures.add(one)
        if check and not incrementals:
            problems = made.same_as_dbt()
            assert not problems, f"SEED={seed}, world {world}: the oracle is not what dbt builds: {problems}"
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
        gc.unfreeze()  # each build freezes what it made, for a process that ends soon
        gc.collect()
    figures.spare = made.spare
    figures.seconds = time.monotonic() - started
    return figures


def trials(seed: int, edits: int, *, progress: bool = False) -> Figures:
    """Run worlds until that many edits are done: every fifth holds incrementals, every fourth checks the oracle itself."""
    figures = Figures()
    world = 0
    while figures.total.edits < edits:
        figures.add(trial(seed, world, incrementals=world % 5 == 4, check=world % 4 == 0))
        world += 1
        if progress:
            sys.stderr.write(f"{figures.total.edits} edits, {len(figures.misses)} missed, {figures.seconds:.0f} s\n")
    return figures


def table(figures: Figures) -> str:
    """Return the figures as text: a line for each kind of edit, and one for all."""
    columns = "edits changed ideal built missed built/ideal explained dbt dbt/ideal dbt-missed everything".split()
    lines = [f"{'edit':24}" + "".join(f"{name:>12}" for name in columns)]
    for kind, tally in [*sorted(figures.kinds.items()), ("all", figures.total)]:
        ratio, dbt = _ratio(tally.built, tally.ideal), _ratio(tally.dbt_built, tally.ideal)
        values = (tally.edits, tally.changed, tally.ideal, tally.built, tally.missed, ratio, tally.explained, tally.dbt_built, dbt,
                  tally.dbt_missed, tally.everything)  # fmt: skip
        lines.append(f"{kind:24}" + "".join(f"{value:>12}" for value in values))
    spare = figures.total.built - figures.total.ideal
    lines.append(
        f"{figures.seconds:.0f} s; built beyond ideal: {spare}, of which own query changed and rows did not: {figures.total.explained}"
    )
    return "\n".join(lines)


def _ratio(one: int, other: int) -> str:
    return f"{one / other:.2f}" if other else "-"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default="", help="WORLD or WORLD:ISLAND, to replay a miss")
    parser.add_argument("--spare", action="store_true", help="list what was built beyond the ideal")
    parser.add_argument("--keep", type=Path, default=None, help="with --only: a folder for the project and both databases")
    args = parser.parse_args()
    seed = random.SystemRandom().randint(1, 10**6) if args.seed is None else args.seed
    sys.stdout.write(f"SEED={seed}\n")
    if args.only:
        world, _, island = args.only.partition(":")
        figures = trial(seed, int(world), incrementals=int(world) % 5 == 4, only=int(island) if island else None, keep=args.keep)
    else:
        figures = trials(seed, args.edits, progress=True)
    sys.stdout.write("\n".join([*(figures.spare if args.spare else ()), table(figures), *figures.misses, ""]))
    return 1 if figures.misses else 0


if __name__ == "__main__":
    sys.exit(main())

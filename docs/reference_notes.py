"""What no model or command knows of itself, for `generate.py`: whether a key has an effect in this version, and what codes mean."""  # noqa: INP001 (read by a script)

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import EXIT_FAILED, EXIT_LOCKED, EXIT_OK, EXIT_USAGE
from penstock.parser.checks import CheckHeader
from penstock.plan.reasons import Reason

YES, REFUSED = "yes", "refused (later)"

Notes = Mapping[str, tuple[str, str]]

PROJECT: Notes = {
    "dbt_project": (YES, "folder of `dbt_project.yml`; looked at when a command starts in the folder of `penstock.yml`"),
    "profiles_dir": (YES, "folder of `profiles.yml`; `--profiles-dir` and `DBT_PROFILES_DIR` come first"),
    "target": (YES, "the profile's target; `--target` comes first, `DBT_TARGET` after"),
    "ingest": (YES, "folder of ingestion files"),
    "checks": (YES, "folder of [checks](checks.md)"),
    "state_schema": (YES, "schema of the state tables, in the target's database"),
    "attach": (YES, "name -> database, see below; attached for `plan`, `build` and `run`"),
    "extensions": (YES, "DuckDB extensions, installed and loaded for `plan`, `build` and `run`"),
    "evidence": (YES, "see below"),
    "pools": (YES, "name -> how many assets that name this pool may run at once; others go on meanwhile"),
    "defaults": (YES, "see below"),
    "ci": (YES, "`rules:`, what a pull request must keep to, see below and [pull requests](ci.md)"),
    "defer_target": (YES, "target that `--defer` reads from; `--defer-target` comes first"),
    "metrics": (YES, "`off`, `light` or `full`; `meta.penstock.metrics` of an asset comes first; see [metrics](metrics.md)"),
    "monitors": (YES, "dbt selection -> list of [ready-made checks](metrics.md#ready-made-checks)"),
}
EVIDENCE: Notes = {
    "content_rows": (YES, "sources with more rows are not read at every run, but judged by their loads"),
    "files": (YES, "`listing`: names, sizes and times of change; `content`: all that they hold"),
}
ATTACH: Notes = {
    "path": (YES, "file, relative to the folder of `penstock.yml`, or connection string"),
    "type": (YES, "DuckDB's name of the type; a SQLite file is read without DuckDB's extension where that is not installed"),
    "read_only": (YES, "a file that another process writes is busy: `--wait`"),
}
DEFAULTS: Notes = {
    "executor": (
        YES,
        "`auto`, `native` or `dbt`; `dbt` sends every node through dbt, `native` fails what the native executor does not cover",
    ),
    "retries": (
        YES,
        (
            "`attempts` (all of them, 1), `backoff` (wait before the second, `1s`; doubled each time, at most an hour), `jitter` (share of "
            "a wait left to chance, 0), `on` (`transient`, `timeout` or `any`; `[transient]`). A failed test, wrong SQL, a missing table "
            "and a broken constraint are never tried again. An ingestion file says it in its header, a node of dbt in "
            "`meta.penstock.retries`; each key goes before the default's"
        ),
    ),
    "timeout": (
        YES,
        (
            "a duration; an attempt that takes longer is interrupted and rolled back, of partitions one range; `none` in a header or in "
            "`meta.penstock.timeout` lifts it"
        ),
    ),
}
CHECK: Notes = {name: (YES, field.description or "") for name, field in CheckHeader.model_fields.items()}
INGEST: Notes = {
    "source": (YES, "the dbt source this file loads, as `source_name.table`; otherwise found by equal relation"),
    "relation": (YES, "where the rows go, as `schema.table`; otherwise the file's path; the relation of a linked dbt source comes first"),
    "description": (YES, "a dbt source's own comes first"),
    "owner": (YES, "a dbt source's own comes first"),
    "tags": (YES, "added to the dbt source's"),
    "group": (YES, "a dbt source's own comes first"),
    "meta": (YES, "free; added to the dbt source's, for selection by `config.meta.*`; not part of the code version"),
    "write": (YES, "how the rows are stored, see above"),
    "key": (YES, "for `upsert`: the columns that tell rows apart; rows that lack one or share it are refused"),
    "cursor": (
        YES,
        (
            "for `append` and `upsert`: `column`, whose highest value is the committed high-water mark; `initial`, what `$cursor` is at "
            "first; `lookback`, a duration that is taken off the mark, for rows that come late"
        ),
    ),
    "partitions": (YES, "dimensions of time, of listed values, of values from a query; implies `write: partition`; see docs/partitions.md"),
    "batch": (YES, "how many contiguous partitions one query covers, or `all`; needs `$start` and `$end` in the query"),
    "required": (YES, "a partition without files fails; else it waits for them"),
    "watch": (YES, "glob, or list of globs: names, sizes and times of the files are their version, a change makes the file due"),
    "schedule": (YES, "five fields of cron; checked and kept in the asset's `meta`, and obeyed once there is a scheduler"),
    "freshness": (
        YES,
        (
            "`warn_after` and `error_after` as in dbt, for `status`; the linked dbt source's own come first; `lag_tolerance`, a duration: "
            "newer inputs may wait as long"
        ),
    ),
    "schema_change": (
        YES,
        "for `append`, `upsert` and `partition`: what happens when the rows that come have other columns than the table",
    ),
    "attach": (YES, "names from `penstock.yml`, which attaches all that it lists"),
    "extensions": (YES, "names from `penstock.yml`, likewise"),
    "retries": (YES, "`{attempts, backoff, jitter, on}`: which failures are tried again, how often, and after what time"),
    "timeout": (YES, "a duration; a query that takes longer is interrupted"),
    "pool": (YES, "a name from `penstock.yml`: so many of its assets run at once"),
}
PARTITION_REASONS: Mapping[Reason, str] = {
    Reason.PARTITION_MISSING: "A partition exists by its definition, and is not held.",
    Reason.LATE_DATA: "The rows of a batch's own time have changed in an input that is read by event time.",
}
OTHER_REASONS: Mapping[Reason, str] = {
    Reason.UPSTREAM_MAY_CHANGE: "Something upstream is due; decided in the run, by what it holds then.",
    Reason.FRESH: "Same code, same inputs, the relation stands, no evidence is missing.",
    Reason.UNCHANGED_INPUT: "What was due upstream holds the same as before, in the columns that are read.",
    Reason.BUILD_AFTER_NOT_DUE: "Only data is newer, and the last build is younger than `freshness.build_after`.",
    Reason.LAG_TOLERATED: "Only data is newer, and the last build is younger than `lag_tolerance`.",
    Reason.WAITING_ALL_PARENTS: "Only data is newer, and not that of all parents (`updates_on: all`, `require_fresh_data_from: all`).",
    Reason.WAITING_FOR_FILES: "Its partitions have no files yet.",
    Reason.DEFERRED: "The other target holds the same, and is read there.",
    Reason.UPSTREAM_FAILED: "Something upstream cannot be built.",
    Reason.CODE_CHANGE_REFUSED: "An incremental model with `on_code_change: fail` has other code than its table was made by.",
    Reason.CHECK_BLOCKED: "A test kept the latest rows of something upstream from readers, and that is not built now.",
    Reason.PARSE_FAILED: "The asset's own file cannot be understood.",
}
EXIT_CODES: Mapping[int, str] = {
    EXIT_OK: "good, warnings included; nothing due; an empty selection",
    EXIT_FAILED: "an asset or a test failed or was blocked; something is due and `plan --fail-if-work`; a finding and `status --strict`",
    EXIT_USAGE: "usage, configuration, a project that cannot be read, a crash, Ctrl-C",
    EXIT_LOCKED: "nothing was started because another process holds the database (try again, or `--wait`)",
}
LATER_COMMANDS = ("retry", "diff", "ci", "runs cancel", "store unlock")
LATER_OPTIONS = (
    "--partition", "--max-partitions", "--empty", "--sample", "--event-time-start",
    "--event-time-end", "--store-failures", "--sql", "--fix",
)  # fmt: skip
"""What the design promises; `generate.py` leaves out what exists by now."""

"""Check files that are wrong in every way fail by themselves and harm nothing; what must not be seen is not seen."""

from __future__ import annotations

import json

import pytest
from checked_project import Checked, check, ended
from penstock.runner.outcomes import Status

PROFILE_SETTINGS = "      threads: 4\n"


BAD = {
    "two": (check("one", "select * from this; select 1"), "checks/two.sql:"),
    "drop": (check("one", "drop table one"), "checks/drop.sql:"),
    "second": (check("one", "select 1; drop table one"), "checks/second.sql:"),
    "copy": (check("one", "copy (select 1) to 'here.csv'"), "checks/copy.sql:"),
    "attach": (check("one", "attach 'other.duckdb'"), "checks/attach.sql:"),
    "ref": (check("one", "select * from {{ ref('onee') }}"), "checks/ref.sql:4: there is no model `onee`"),
    "source": (check("one", "select * from {{ source('raw', 'x') }}"), "checks/source.sql:4"),
    "jinja": (check("one", "select * from this where {{ 1 / 0 }}"), "checks/jinja.sql:"),
    "placed": (check("one", "select * from this where v = $day"), "a check has no placeholders"),
    "method": (check("foo:bar"), "checks/method.sql:2"),
    "rowless": (check("short"), "`select` finds short, which has no rows"),
    "severity": (check("one", severity="fatal"), "checks/severity.sql:3"),
    "warning": (check("one", severity="warn", blocking="true"), "a warning cannot be blocking"),
    "threshold": (check("one", error_if="'many'"), "is not a threshold"),
    "limit": (check("one", limit="-1"), "checks/limit.sql:3"),
    "key": (check("one", selct="two"), "unknown key `selct`"),
    "yaml": (check("one", description="[a"), "checks/yaml.sql:"),
    "anchor": (check("&a [*a]"), "checks/anchor.sql:"),
    "endless": ("-- ---\n-- select: one\nselect * from this\n", "checks/endless.sql:"),
    "headless": ("select * from this\n", "`select` is missing"),
    "empty": ("", "checks/empty.sql"),
    "deep": (check("one", "select " + "(" * 3000 + "1" + ")" * 3000), "nested too deeply"),
    "half": (check("one", "select * from this where v <"), "checks/half.sql:"),
    "null": (check("one", "\0"), "checks/null.sql:"),
    "bytes": ("", "checks/bytes.sql"),
}


def test_bad_files_fail_by_themselves_and_say_where(project: Checked) -> None:
    project.checks({"fine": check("one"), **{name: text for name, (text, _) in BAD.items()}})
    (project.workspace.folder / "checks/bytes.sql").write_bytes(b"-- ---\n-- select: one\n-- ---\nselect '\xff\xfe'\n")
    project.workspace.execute("update raw.t set v = 40 where id = 3")
    report = project.build(ok=False)
    found = {one.asset.name: one for one in report.outcomes if one.asset.is_test}
    found_assets = {one.asset.name: one for one in report.outcomes if not one.asset.is_test}
    assert (found["fine"].status, found_assets["one"].status, found_assets["two"].status) == (Status.PASS, Status.SUCCESS, Status.SUCCESS)
    assert project.values("two") == [10, 20, 40]
    for name, (_, said) in BAD.items():
        assert found[name].status is Status.ERROR
        assert said in found[name].message, found[name].message
        assert "Traceback" not in found[name].message
    recorded = dict(project.workspace.query("""select "check", status from penstock.check_result where "check" like 'check.checks/%'"""))
    assert recorded == {f"check.checks/{name}.sql": "error" for name in BAD}
    assert not (project.workspace.folder / "here.csv").exists()


def test_a_name_used_twice_fails_the_later_file_alone(project: Checked) -> None:
    project.checks({"a/same": check("one"), "b/same": check("one", "select * from this")})
    project.build(ok=False)
    found = project.workspace.query('select "check", status, message from penstock.check_result order by status')
    assert [row[:2] for row in found] == [("check.checks/b/same.sql", "error"), ("check.same.model.small.one", "pass")]
    assert "the check `same` is also in checks/a/same.sql" in found[0][2]


def test_a_select_that_matches_nothing_is_a_warning(project: Checked) -> None:
    selects = {"tagged": "tag:none", "near": "onee", "both": "one,two", "listed": "'[one]'"}
    project.checks({name: check(select) for name, select in selects.items()})
    report = project.build()
    assert not any(one.asset.is_test for one in report.outcomes)
    warnings = "\n".join(report.planned.project.warnings)
    for name in selects:
        assert f"checks/{name}.sql:2: the check {name} selects nothing to look at" in warnings


THIS = {
    "string": "select 'from this' as said, v from this where 'this' = 'this' and v < 0",
    "comment": "select v from this -- from this\n/* join this */ where v < 0",
    "alias": "select this.v as this from this as this where this.v < 0",
    "cte": "with this as (select * from this) select this from this where v < 0",
    "quoted": 'select "this"."v" from "this" where v < 0',
    "upper": "SELECT THIS.V FROM THIS WHERE THIS.V < 0",
    "struct": "select {'this': v} as this from this where {'this': v}.this < 0",
    "twice": "select a.v from this a join this b using (id) where b.v < 0",
    "dollar": "select $$from this$$ as said from this where v < 0;",
}


def test_this_is_the_asset_and_nothing_else_that_is_called_so(project: Checked) -> None:
    project.checks({name: check("one", query, severity="warn") for name, query in THIS.items()})
    project.workspace.execute("update raw.t set v = -v where id = 2")
    found = ended(project.build())
    assert {name: (found[name].status, found[name].failures) for name in THIS} == dict.fromkeys(THIS, (Status.WARN, 1))


HOSTILE = ("with blank", "déjà vu 😀", "a'b", "semi;--", "x" * 150, "dot.ted", "-dash", "[red]bold", "%s {0} $x", "SELECT")


def test_hostile_file_names_are_names_like_others(project: Checked) -> None:
    project.checks({name: check("one") for name in HOSTILE})
    project.workspace.execute("update raw.t set v = -v where id = 2")
    found = ended(project.build(ok=False))
    assert {name: found[name].status for name in HOSTILE} == dict.fromkeys(HOSTILE, Status.FAIL)
    keys = sorted(found[name].asset.key for name in HOSTILE)
    for table in ("check_result", "check_sample"):
        rows = project.workspace.query(f'select "check" from penstock.{table} order by "check"')
        assert sorted(str(row[0]) for row in rows) == keys
    for name in HOSTILE:
        project.waive(name, project.now.replace(year=2025))
    found = ended(project.build())
    assert {name: found[name].status for name in HOSTILE} == dict.fromkeys(HOSTILE, Status.WARN)


@pytest.mark.parametrize(("blocking", "one"), [("true", Status.ERROR), ("false", Status.SUCCESS)])
def test_a_check_that_runs_out_of_memory_is_an_error(project: Checked, blocking: str, one: Status) -> None:
    settings = "      settings: {memory_limit: 60MB, max_temp_directory_size: 0KB}\n"
    project.workspace.replace("profiles.yml", PROFILE_SETTINGS, PROFILE_SETTINGS + settings)
    query = "select 1 from this, range(3000000) as r having len(list(r.range || repeat('x', 50))) > 0"
    project.checks({"greedy": check("one", query, blocking=blocking, when="before_publish"), "positive": check("one")})
    project.workspace.execute("update raw.t set v = 40 where id = 3")
    found = ended(project.build("one", ok=False))
    assert found["one"].status is one, found["one"].message
    assert (found["greedy"].status, found["greedy"].failures) == (Status.ERROR, None)
    assert "Out of Memory" in found["greedy"].message
    assert project.values("one") == ([10, 20, 40] if blocking == "false" else [10, 20, 30])


ENDLESS = "select sum(hash(a.range + b.range)) as n from this, range(1000000) a, range(1000000) b having n is null"


@pytest.mark.parametrize("blocking", ["true", "false"])
def test_a_check_ends_with_the_time_of_the_asset_that_it_looks_at(project: Checked, blocking: str) -> None:
    project.workspace.write({"penstock.yml": "defaults: {timeout: 1s}\n"})
    project.checks({"greedy": check("one", ENDLESS, blocking=blocking, when="before_publish"), "positive": check("one")})
    project.workspace.execute("update raw.t set v = 40 where id = 3")
    found = ended(project.build("one", ok=False))
    assert found["one"].status is Status.ERROR and "timed out after 1s" in found["one"].message
    assert found["greedy"].status in (Status.ERROR, Status.SKIPPED)
    assert project.values("one") == [10, 20, 30]


def test_without_a_limit_of_rows_none_are_stored_and_with_one_so_many(project: Checked) -> None:
    project.checks(
        {name: check("one", "select * from this", limit=limit, severity="warn") for name, limit in {"none": 0, "two": 2}.items()}
    )
    found = project.ask("check:none", "check:two")
    assert (len(found["none"].samples), len(found["two"].samples)) == (0, 2)
    assert project.samples("none") == [] and len(project.samples("two")) == 2


MASKED = {
    "plain": check("people", "select * from this"),
    "renamed": check("people", "select id, upper(email) as contact from this"),
    "joined": check("one", "select this.id, p.email as mail from this join {{ ref('people') }} as p using (id)", when="after"),
    "whole": check("people", "select this from this"),
    "cast": check("people", "select * from this where email::int > 0"),
    "raised": check("people", "select error('no ' || email) from this"),
}
SECRET = 'pass"w<o>r&d'


def test_masked_values_and_secrets_are_seen_nowhere(project: Checked) -> None:
    workspace = project.workspace
    workspace.env["DBT_ENV_SECRET_KEY"] = SECRET
    project.checks({
        **MASKED,
        "leaks": check("one", "select id, {{ \"'\" ~ env_var('SHOWN') ~ \"'\" }} as said, 'PASSW<O>' as loud from this"),
        "counted": check("one", "select 123456 as number from this"),
    })  # fmt: skip
    workspace.env |= {"SHOWN": SECRET, "MY_TOKEN": "123456"}
    shown = [
        workspace.penstock("check", "--junit", "report.xml", "--limit", "9").expect(1).text,
        workspace.penstock("check", "--output", "json", "--limit", "9").expect(1).text,
        (workspace.folder / "report.xml").read_text(encoding="utf-8"),
        *(str(row) for table in ("check_sample", "check_result", "attempt") for row in workspace.query(f"from penstock.{table}")),
    ]
    for text in shown:
        assert "masked.example" not in text.lower()
        assert SECRET not in text and 'pass\\"w' not in text and "w&lt;o&gt;r" not in text and "123456" not in text.replace("-123456", "")
    assert "***" in shown[0] and "*****" in shown[2]
    assert len(project.samples("plain")) == 3 and '"email":"***"' in project.samples("plain")[0]
    assert "Conversion Error, whose text is not shown" in shown[0]
    assert {name: len(project.samples(name)) for name in ("renamed", "joined", "whole")} == {"renamed": 3, "joined": 3, "whole": 3}


def test_the_report_has_no_rows_where_none_are_wanted(project: Checked) -> None:
    project.checks({"rows": check("one", "select 'seen-' || id as said from this")})
    done = project.workspace.penstock("check", "--junit", "report.xml", "--limit", "0").expect(1)
    assert "seen-" not in done.text + (project.workspace.folder / "report.xml").read_text()
    done = project.workspace.penstock("check", "--junit", "nowhere/report.xml").expect(2)
    assert "--junit cannot write nowhere/report.xml" in done.stderr and "Done." in done.stdout


def test_all_results_are_told_as_json(project: Checked) -> None:
    project.checks({"rows": check("one", "select id from this where id > 1", error_if="'> 90% of total'")})
    (row,) = json.loads(project.workspace.penstock("check", "--output", "json", "-q").expect(0).stdout)
    assert {name: row[name] for name in ("check", "name", "asset", "status", "failures", "total")} == {
        "check": "check.rows.model.small.one", "name": "rows", "asset": "model.small.one", "status": "warn", "failures": 2, "total": 3,
    }  # fmt: skip
    assert sorted(json.loads(sample)["id"] for sample in row["samples"]) == [2, 3]

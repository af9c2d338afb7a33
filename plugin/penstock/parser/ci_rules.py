"""`ci: rules:` of `penstock.yml`: what a pull request must keep to."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError, SchemaError

from penstock.parser.models import FileModel

MARTS = "path:models/marts"
_LONGEST_PATTERN = 500


class Rule(FileModel):
    """One rule: how bad it is to break it, and which assets it is about."""

    severity: Literal["error", "warn", "off"] = Field(default="error", description="`error` fails the pull request")
    select: list[str] = Field(default_factory=list, description="the assets it is about, in dbt's syntax; none: all")
    exclude: list[str] = Field(default_factory=list, description="assets it is not about")
    of: Literal["new", "changed", "all"] = Field(default="changed", description="of these: new ones, also changed ones, or all")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: Any) -> Any:
        """Let `owner: warn` stand for its severity alone."""
        return {"severity": raw} if isinstance(raw, str) else {} if raw is None else raw


class BreakingChangeRule(Rule):
    """A breaking change that reaches an exposure needs a label of the pull request."""

    label: str = Field(default="breaking-change", min_length=1, description="the label that allows it")


class UniqueKeyRule(Rule):
    """A model has a check that its key is unique."""

    select: list[str] = Field(default_factory=lambda: [MARTS], description="the assets it is about")
    of: Literal["new", "changed", "all"] = Field(default="new", description="of these: new ones, also changed ones, or all")
    tests: list[str] = Field(
        default_factory=lambda: ["unique", "unique_combination_of_columns", "expect_compound_columns_to_be_unique"],
        description="names of the tests that count, without their package",
    )


class NoSelectStarRule(Rule):
    """A model says which columns it has: none of them come from `*` of a table it reads."""

    select: list[str] = Field(default_factory=lambda: [MARTS], description="the assets it is about")


def checked_pattern(text: str) -> str:
    """Return a pattern that can be matched in linear time. Raises PydanticCustomError, as validators do, for any other."""
    if len(text) > _LONGEST_PATTERN:
        raise PydanticCustomError("pattern", "a pattern may have {most} characters", {"most": _LONGEST_PATTERN})
    try:
        _matcher(text)
    except SchemaError as error:
        why = str(error).strip().splitlines()[-1].strip().removeprefix("error: ").removeprefix("SchemaError: ")
        raise PydanticCustomError("pattern", "not a pattern: {why}", {"why": why}) from error
    return text


def matches(pattern: str, name: str) -> bool:
    """Whether a name as a whole matches a checked pattern."""
    try:
        _matcher(pattern).validate_python(name)
    except ValidationError:
        return False
    return True


@cache
def _matcher(pattern: str) -> TypeAdapter[str]:
    """Make the matcher with Rust's engine, which never backtracks: a pattern such as `(a+)+b` costs no more than its length."""
    kind: Any = Annotated[str, StringConstraints(pattern=f"^(?:{pattern})$")]
    return TypeAdapter(kind)


class NamingRule(Rule):
    """A model's name matches the pattern of its folder."""

    of: Literal["new", "changed", "all"] = Field(default="new", description="of these: new ones, also changed ones, or all")
    patterns: dict[str, Annotated[str, AfterValidator(checked_pattern)]] = Field(
        default_factory=dict, description="folder -> regular expression for the whole name; the longest folder counts"
    )


class OwnerRule(Rule):
    """An asset has an owner: of its own, of its group, or in `meta.owner`."""

    of: Literal["new", "changed", "all"] = Field(default="new", description="of these: new ones, also changed ones, or all")


class Rules(FileModel):
    """The rules of a project; one that is not named here does not apply, but for `breaking_change`, which then warns."""

    breaking_change: BreakingChangeRule = Field(
        default_factory=lambda: BreakingChangeRule(severity="warn"), description="a breaking change that reaches exposures needs a label"
    )
    unique_key: UniqueKeyRule | None = Field(default=None, description="a check says that a key is unique")
    no_select_star: NoSelectStarRule | None = Field(default=None, description="columns are named, not whatever the input has")
    naming: NamingRule | None = Field(default=None, description="names match their folder's pattern")
    owner: OwnerRule | None = Field(default=None, description="somebody owns it")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, raw: Any) -> Any:
        """A rule with nothing behind its colon applies as it is."""
        return {name: {} if value is None else value for name, value in raw.items()} if isinstance(raw, dict) else raw


class CiSettings(FileModel):
    """What `penstock ci` looks at."""

    rules: Rules = Field(default_factory=Rules, description="what a pull request must keep to")

"""What `meta.penstock` says of metrics, masks and ready-made checks changes no rows, and makes nothing due."""

from __future__ import annotations

from typing import Any

import pytest
from manifest_builder import asset, manifest, model


def fingerprint(own: dict[str, Any]) -> str:
    return asset(manifest(model("m", config={"meta": {"penstock": own}})), "model.shop.m").fingerprint


@pytest.mark.parametrize("key", ["metrics", "mask", "monitors"])
def test_a_fingerprint_leaves_them_out(key: str) -> None:
    assert fingerprint({key: "one", "volatile": True}) == fingerprint({key: "two", "volatile": True})


def test_all_else_of_it_counts() -> None:
    assert fingerprint({"inputs": "one"}) != fingerprint({"inputs": "two"})

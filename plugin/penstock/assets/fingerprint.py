"""Fingerprints: short, stable hashes of plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

RAW_FINGERPRINT_VERSION = 1
"""Raised deliberately when what goes into a code version changes: every asset is then due once."""


def digest(text: str) -> str:
    """Return 32 hexadecimal digits of SHA-256; enough that a collision is not a worry."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def fingerprint(value: Mapping[str, Any]) -> str:
    """Hash a plain value, independent of the order of its keys."""
    return digest(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str))

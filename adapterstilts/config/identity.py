"""What makes two things the same: canonical JSON and short digests of it.

No clock, host name or path enters a digest, so the same work has the same identity everywhere.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no spare blanks."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return 16 hex digits that stand for `value` (anything JSON can hold)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed for one named use of `seed`, so that uses never share random numbers."""
    text = canonical_json([seed, *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

"""The closed list of what a comparison of two versions finds: a metric's label values."""

from __future__ import annotations

from enum import StrEnum


class Agreement(StrEnum):
    """What a comparison found: an answer of both versions, or of one alone; a frame that could not be compared."""

    BOTH = "both"
    MAIN_ONLY = "main_only"
    CANDIDATE_ONLY = "candidate_only"
    FAILED = "failed"
    SKIPPED = "skipped"

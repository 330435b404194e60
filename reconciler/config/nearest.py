"""What was meant by a word that nobody knows?

Knows no SKUs and no keys: callers bring the candidates, and decide what to do with the answer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALIKE = 0.65
"""Share of letters in common, from which on a suggestion helps more than it misleads."""


@lru_cache(maxsize=1024)
def nearest(word: str, candidates: tuple[str, ...]) -> str | None:
    """Return the candidate that `word` most likely stands for, whatever its case; None: none is near.

    The first of several that are equally near is returned, so callers order them by preference.
    """
    best = scored(word, candidates)
    return best[1] if best else None


def scored(word: str, candidates: Iterable[str]) -> tuple[float, str] | None:
    """Return the nearest candidate with its likeness, from 0.65 to 1; None: none is near."""
    from difflib import SequenceMatcher  # noqa: PLC0415  for problems only

    matcher = SequenceMatcher(autojunk=False)
    wanted = _folded(word)
    letters = set(wanted)
    matcher.set_seq2(wanted)
    best: tuple[float, str] | None = None
    for candidate in candidates:
        other, floor = _folded(candidate), best[0] if best else _ALIKE - 1e-9
        # A glance rules most of them out where a file holds very many words that nobody knows.
        if letters.isdisjoint(other):
            continue
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() > floor and matcher.quick_ratio() > floor and matcher.ratio() > floor:
            best = (matcher.ratio(), candidate)
    return best


@lru_cache(maxsize=4096)
def _folded(word: str) -> str:
    """Return `word` without what people get wrong first: case, and `-`, `_` and space for each other."""
    return word.casefold().replace("-", "_").replace(" ", "_")

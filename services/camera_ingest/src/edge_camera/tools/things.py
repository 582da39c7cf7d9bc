"""Things that were told of more than once: which are one, and what each of them is."""

from __future__ import annotations

from datetime import datetime

# Things that a tracker follows at a time, twice: what is among them may be told of again.
MAX_THINGS = 1000
# Classes that have a say in what one thing is; a model that wavers more than this knows nothing about it.
MAX_LABELS = 8


class Thing:
    """One thing: the hour in which it was first told of, and the answers about it by class."""

    __slots__ = ("_votes", "hour")

    def __init__(self, hour: datetime, label: str, score: float) -> None:
        self.hour = hour
        # Number of answers, and the sum of their scores.
        self._votes = {label: (1, score)}

    def answer(self, label: str, score: float) -> None:
        """Take in one more answer; past the bound, the class with the weakest claim makes room."""
        count, total = self._votes.get(label, (0, 0.0))
        if not count and len(self._votes) >= MAX_LABELS:
            del self._votes[min(self._votes, key=self._votes.__getitem__)]
        self._votes[label] = (count + 1, total + score)

    def __len__(self) -> int:
        """How many classes have a say."""
        return len(self._votes)

    @property
    def label(self) -> str:
        """The class that most answers name; of several, the one with the highest scores in sum."""
        return max(self._votes, key=self._votes.__getitem__)


class Things:
    """One camera's things, by the id that each keeps while it is in the picture; in bounded memory.

    Methods return the things about which no more answers come.
    """

    def __init__(self) -> None:
        self._seq = -1
        self._things: dict[str, Thing] = {}

    def __len__(self) -> int:
        """How many may be told of again."""
        return len(self._things)

    def at_frame(self, seq: int) -> list[Thing]:
        """The next answers are about frame `seq`: when the source began anew, ids may count from 1 again."""
        began_anew = seq < self._seq
        self._seq = seq
        return self.end() if began_anew else []

    def answer(self, track: str, hour: datetime, label: str, score: float) -> list[Thing]:
        """Take in an answer about the thing called `track`."""
        thing = self._things.pop(track, None)
        if thing is None:
            thing = Thing(hour, label, score)
        else:
            thing.answer(label, score)
        # The last told of comes last: the first of them is the one to give up.
        self._things[track] = thing
        if len(self._things) <= MAX_THINGS:
            return []
        return [self._things.pop(next(iter(self._things)))]

    def end(self) -> list[Thing]:
        """Nothing is told of any of them again."""
        things = list(self._things.values())
        self._things.clear()
        return things

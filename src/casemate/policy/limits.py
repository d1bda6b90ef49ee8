"""The limits of a run: how a policy file names each, reads its value and writes it, and which option sets it."""

from collections.abc import Callable, Mapping

from casemate.model.dataclass import dataclass
from casemate.model.policy import Limits
from casemate.policy import values


@dataclass(frozen=True, slots=True)
class Limit:
    """One key of `[limits]`."""

    attribute: str  # of model.policy.Limits
    of: Callable[[Limits], int]
    read: Callable[[object], int]
    spell: Callable[[int], str]  # with the quotes of a file
    unit: str
    option: str = ""

    def plain(self, limits: Limits) -> str:
        """Give its value as an option takes it."""
        return self.spell(self.of(limits)).strip('"')


LIMITS: Mapping[str, Limit] = {
    "cpu": Limit("cpu_seconds", lambda its: its.cpu_seconds, values.duration, values.spell_duration, "TIME", "--cpu"),
    "wall": Limit(
        "wall_seconds", lambda its: its.wall_seconds, values.duration, values.spell_duration, "TIME", "--wall"
    ),
    "memory": Limit("memory_bytes", lambda its: its.memory_bytes, values.size, values.spell_size, "SIZE", "--memory"),
    "processes": Limit("processes", lambda its: its.processes, values.number, str, "NUMBER"),
    "fds": Limit("fds", lambda its: its.fds, values.number, str, "NUMBER"),
    "output": Limit("output_bytes", lambda its: its.output_bytes, values.size, values.spell_size, "SIZE"),
    "disk": Limit("disk_bytes", lambda its: its.disk_bytes, values.size, values.spell_size, "SIZE"),
}


def that_ended(ended_by: str) -> str:
    """Give the key of the limit that ended a run, by what its outcome says; "" where it was no limit."""
    key, word, _ = ended_by.partition(" limit")
    return key if word and key in LIMITS else ""


def spelled(ended_by: str, limits: Limits) -> str:
    """Give the name of what ended a run, with its value where it is a limit."""
    key = that_ended(ended_by)
    return f"{ended_by} ({LIMITS[key].plain(limits)})" if key else ended_by

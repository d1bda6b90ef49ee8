"""Which limit ended a program, and how large it was, as the policy file and the options write it."""

from casemate.model.policy import Limits
from casemate.policy.values import spell_duration, spell_size


def spelled(ended_by: str, limits: Limits) -> str:
    """Give the name of what ended a run, with its value where it is a limit."""
    values = {
        "cpu limit": spell_duration(limits.cpu_seconds),
        "wall limit": spell_duration(limits.wall_seconds),
        "memory limit": _apart(spell_size(limits.memory_bytes)),
        "output limit": _apart(spell_size(limits.output_bytes)),
    }
    value = values.get(ended_by, "").strip('"')
    return f"{ended_by} ({value})" if value else ended_by


def _apart(size: str) -> str:
    """Write the unit as a word of its own; bytes have none in a policy file."""
    number = size.strip('"').rstrip("BKMGTi")
    return f"{number} {size.strip(chr(34))[len(number) :] or 'bytes'}"

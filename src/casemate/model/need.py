"""What a program needs, as it was seen or inferred."""

from dataclasses import dataclass

from casemate.model.capability import Capability
from casemate.model.location import Location


@dataclass(frozen=True, slots=True)
class Need:
    """What a program was seen or inferred to need, and the place that needs it.

    `resource` is a path, HOST:PORT, a variable or a program; "" where the capability has none or it could not be told
    (then `resolved` is false). A Need of Capability.UNRESOLVED is a place that the analysis could not follow.
    """

    capability: Capability
    resource: str
    location: Location
    reason: str
    resolved: bool = True

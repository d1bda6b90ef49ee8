"""`yaml.load` builds any object the document asks for.

## Why
A YAML document can name a Python class and its arguments. `yaml.load` with a full loader imports that class and calls
it, so whoever writes the document runs code as you.

## Fix
Use `yaml.safe_load`. If you need your own tags, register them on a `SafeLoader` subclass.

## Known misses
A loader that comes from a variable. A subclass of a loader is taken for one of your own SafeLoader.
"""

from collections.abc import Iterator, Mapping

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.location import Location
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code, FlowHit
from casemate.rules import judge, rule

LIBRARIES = ("yaml", "ruamel.yaml")
UNSAFE = frozenset(
    f"{library}.{name}"
    for library in LIBRARIES
    for name in ("Loader", "UnsafeLoader", "FullLoader", "CLoader", "CUnsafeLoader", "CFullLoader")
)

LOADS = tuple(f"{library}.{name}" for library in LIBRARIES for name in ("load", "load_all"))
MESSAGE = "this loader builds any object the document names"

EXAMPLE = """
    import yaml
    from ruamel.yaml import YAML
    yaml.load(text)                             # flag
    yaml.load(text, Loader=yaml.FullLoader)     # flag
    yaml.unsafe_load(text)                      # flag
    yaml.load(text, yaml.SafeLoader)
    yaml.load("a: 1", yaml.FullLoader)
    yaml.load(text, Loader=OwnLoader)
    yaml.safe_load(text)
    YAML(typ="unsafe").load(text)               # flag
    YAML().load(text)
    YAML(typ="safe").load(text)
"""


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    cwe=502,
    needles=("yaml",),
    capabilities=(Capability.CODE_DESERIALIZE,),
    example=EXAMPLE,
)
def unsafe_yaml_load(code: Code) -> Iterator[Hit]:
    """Flag loads of unknown text whose loader is missing or one that builds objects."""
    remote = {found.location: found for found in judge.worst(code, "yaml") if found.trust.far}
    for call in code.calls(*LOADS):
        loader = call.argument("Loader", position=1)
        if (loader is None and not call.starred) or (loader is not None and loader.name in UNSAFE):
            yield from unless_constant(call, remote)
    for call in code.calls("yaml.unsafe_load", "yaml.unsafe_load_all"):
        yield from unless_constant(call, remote)
    for call in code.calls("ruamel.yaml.YAML"):
        kind = call.argument("typ")
        if kind is not None and kind.constant == "unsafe":
            yield Hit(call.location, MESSAGE)


def unless_constant(call: Call, remote: Mapping[Location, FlowHit]) -> Iterator[Hit]:
    """Yield the hit unless the document stands in the program; it is worse where somebody far away wrote it."""
    document = call.argument("stream", position=0)
    if document is not None and document.known:
        return
    found = remote.get(call.location)
    if found is None:
        yield Hit(call.location, MESSAGE)
    else:
        yield judge.hit(found, f"{MESSAGE}, and {{source}} is in it", Severity.CRITICAL)

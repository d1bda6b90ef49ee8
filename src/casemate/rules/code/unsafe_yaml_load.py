"""`yaml.load` builds any object the document asks for.

## Why
A YAML document can name a Python class and its arguments. `yaml.load` with a full loader imports that class and calls
it, so whoever writes the document runs code as you.

## Fix
Use `yaml.safe_load`. If you need your own tags, register them on a `SafeLoader` subclass.

## Known misses
A loader that comes from a variable. A subclass of a loader is taken for one of your own SafeLoader.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code
from casemate.rules import rule

UNSAFE = frozenset(
    f"yaml.{name}" for name in ("Loader", "UnsafeLoader", "FullLoader", "CLoader", "CUnsafeLoader", "CFullLoader")
)

EXAMPLE = """
    import yaml
    yaml.load(text)                             # flag
    yaml.load(text, Loader=yaml.FullLoader)     # flag
    yaml.unsafe_load(text)                      # flag
    yaml.load(text, yaml.SafeLoader)
    yaml.load("a: 1", yaml.FullLoader)
    yaml.load(text, Loader=OwnLoader)
    yaml.safe_load(text)
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
    for call in code.calls("yaml.load", "yaml.load_all"):
        loader = call.argument("Loader", position=1)
        if (loader is None and not call.starred) or (loader is not None and loader.name in UNSAFE):
            yield from unless_constant(call)
    for call in code.calls("yaml.unsafe_load", "yaml.unsafe_load_all"):
        yield from unless_constant(call)


def unless_constant(call: Call) -> Iterator[Hit]:
    """Yield the hit unless the document stands in the program."""
    document = call.argument("stream", position=0)
    if document is None or not document.known:
        yield Hit(call.location, "this loader builds any object the document names")

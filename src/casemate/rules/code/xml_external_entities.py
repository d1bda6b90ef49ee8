"""An XML parser that fetches what a document names.

## Why
An external entity names a file or an address, and the parser puts its content into the document: `/etc/passwd`, or
the answer of a service inside. Nested entities grow to gigabytes.

## Fix
With lxml: `etree.XMLParser(resolve_entities=False, no_network=True)`; since 5.0 its default resolves internal
entities only. With `xml.sax`, leave `feature_external_ges` off. `xml.etree` fetches nothing.

## Known misses
Parsers without a library model; entities that expat before 2.4.1 expands without limit.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code
from casemate.rules import judge, rule

OPENERS = {"resolve_entities": True, "load_dtd": True, "dtd_validation": True, "no_network": False}
PARSERS = ("lxml.etree.XMLParser", "lxml.etree.ETCompatXMLParser", "lxml.etree.iterparse")
GENERAL = frozenset({"xml.sax.handler.feature_external_ges", "xml.sax.handler.feature_external_pes"})

EXAMPLE = """
    import xml.etree.ElementTree
    import xml.sax
    from flask import Flask, request
    from lxml import etree
    from xml.sax.handler import feature_external_ges

    app = Flask(__name__)
    parser = etree.XMLParser(resolve_entities=True)  # flag
    reader = xml.sax.make_parser()
    reader.setFeature(feature_external_ges, True)  # flag
    reader.setFeature(feature_external_ges, False)
    closed = etree.XMLParser(resolve_entities=False)

    @app.post("/feed")
    def feed():
        etree.fromstring(request.data)  # flag
        etree.fromstring(request.data, closed)
        xml.etree.ElementTree.fromstring(request.data)
        return ""
"""


def opened(call: Call) -> bool:
    """Tell whether a parser is made that fetches entities."""
    return any(
        (value := call.argument(name)) is not None and value.constant is wanted for name, wanted in OPENERS.items()
    )


def feature_on(call: Call) -> bool:
    """Tell whether external entities of `xml.sax` are switched on."""
    name, state = call.argument("name", 0), call.argument("state", 1)
    if name is None or state is None or state.constant not in (True, 1):
        return False
    return name.name in GENERAL or (isinstance(name.constant, str) and "external-" in name.constant)


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe=(611, 776),
    kinds=("xml",),
    needles=("XMLParser", "iterparse", "setFeature"),
    capabilities=(Capability.FS_READ, Capability.NET_CONNECT),
    example=EXAMPLE,
)
def xml_external_entities(code: Code) -> Iterator[Hit]:
    """Report parsers told to fetch, and remote documents that reach a parser whose default depends on its version."""
    for call in code.calls(*PARSERS):
        if opened(call):
            yield Hit(call.location, "this parser fetches what a document names")
    for call in code.calls("xml.sax.xmlreader.XMLReader.setFeature"):
        if feature_on(call):
            yield Hit(call.location, "this parser fetches what a document names")
    message = "{source} is parsed with a default that fetches entities before lxml 5"
    yield from judge.flows(code, "xml", message=message, remote=Severity.MEDIUM)

"""An XML parser that fetches what a document names.

## Why
An external entity names a file or an address, and the parser puts its content into the document: `/etc/passwd`, or
the answer of a service inside. A stylesheet does the same with `document()`.

## Fix
With lxml: leave `resolve_entities`, `load_dtd` and `dtd_validation` alone and require lxml 6.1. Since 5.0 a parser
takes no external entities by itself, since 6.1 `iterparse` takes none either; where older ones are in use, pass
`resolve_entities=False`. With `xml.sax`, leave `feature_external_ges` off; `xml.etree`, `xml.dom` and `defusedxml`
fetch nothing by themselves. Give `etree.XSLT` an `access_control`.

## Known misses
Parsers without a library model. A parser that another file made, or that a function gave: it is reported where it is
made. Nested entities that expat before 2.4.1 expands without limit.
"""

from collections.abc import Iterator
from dataclasses import replace

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Call, Code, FlowHit
from casemate.rules import judge, rule
from casemate.rules.xml_parsers import ITERPARSE, Parsers

STYLESHEET = "lxml.etree.XSLT"
FETCHES = "this parser fetches what a document names"
READ = "{source} is parsed by a parser that fetches what a document names"
OLDER = "{source} is parsed with a default that fetches files before lxml "
STYLED = "{source} is a stylesheet, which reads the files and addresses that it names"

EXAMPLE = """
    import xml.etree.ElementTree
    import xml.sax
    from flask import Flask, request
    from lxml import etree
    from xml.sax.handler import feature_external_ges

    app = Flask(__name__)
    opened = etree.XMLParser(resolve_entities=True, no_network=False)
    unused = etree.XMLParser(load_dtd=True)  # flag
    closed = etree.XMLParser(resolve_entities=False)

    @app.post("/feed")
    def feed():
        etree.fromstring(request.data, opened)  # flag
        etree.fromstring(request.data)  # flag
        etree.fromstring(request.data, closed)
        reader = xml.sax.make_parser()
        reader.setFeature(feature_external_ges, True)
        reader.parse(request.stream)  # flag
        reader = xml.sax.make_parser()
        xml.sax.parseString(request.data, xml.sax.ContentHandler())
        xml.etree.ElementTree.fromstring(request.data)
        return ""
"""


def judged(found: FlowHit, call: Call, parsers: Parsers) -> Hit | None:
    """Give the hit of a remote document that a call parses."""
    verdict = parsers.verdict(call)
    if verdict:
        return judge.hit(found, READ, Severity.HIGH)
    if verdict is None and found.sink.startswith("lxml."):
        message = OLDER + ("6.1" if call.name == ITERPARSE else "5")
        return replace(judge.hit(found, message, Severity.MEDIUM), confidence=Confidence.LOW)
    return None


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
    """Report remote documents that reach a parser which fetches, and such parsers of which no document is known."""
    parsers = Parsers(code)
    for found in judge.worst(code, "xml"):
        call = parsers.parsing.get(found.location)
        if found.sink == STYLESHEET and found.trust.far:
            yield judge.hit(found, STYLED, Severity.HIGH)
        elif call is not None and found.trust.far:
            hit = judged(found, call, parsers)
            if hit is not None:
                yield hit
    for location in parsers.rest():
        yield Hit(location, FETCHES, severity=Severity.MEDIUM)

"""Text from outside becomes part of an XPath expression.

## Why
An expression that is put together from text is parsed as a whole. `' or '1'='1` turns a search for one person into a
search for all, and an expression reads every node of the document. In XSLT a parameter is an expression too.

## Fix
Keep the expression constant and pass values as variables: `tree.xpath("//user[@name = $name]", name=name)`, with
elementpath `select(root, "//user[@name = $name]", variables={"name": name})`. A parameter of an XSLT is wrapped:
`transform(tree, name=etree.XSLT.strparam(name))`. The paths of `xml.etree` know no variables: compare in Python.

## Known misses
Values of the starter of the program are not reported: the starter can read the document. Libraries without a model.
Values that were rid of quotes by hand are flagged although the quotes were the danger.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

LIMITED = ("find", "findall", "findtext", "iterfind")  # paths without functions, `or` and unions

EXAMPLE = """
    import xml.etree.ElementTree as ElementTree
    from flask import Flask, request
    from lxml import etree

    app = Flask(__name__)
    tree = etree.parse("people.xml")
    root = ElementTree.parse("people.xml").getroot()
    by_name = etree.XPath("//user[@name = $name]")


    @app.route("/people")
    def people():
        name = request.args["name"]
        tree.xpath(f"//user[@name = '{name}']")  # flag
        etree.XPath("//user[@name = '%s']" % name)  # flag
        root.find("./user[@name='" + name + "']")  # flag
        tree.xpath("//user[@name = $name]", name=name)
        tree.xpath("//user[%d]" % int(name))
        by_name(tree, name=name)
        return ""
"""


@rule(
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    cwe=643,
    kinds=("xpath",),
    example=EXAMPLE,
)
def xpath_injection(code: Code) -> Iterator[Hit]:
    """Report remote values in expressions; the limited paths of find and findall can do less."""
    message = "{source} becomes part of the XPath expression that {sink} evaluates"
    for found in judge.worst(code, "xpath"):
        if found.trust.far:
            limited = found.sink.rpartition(".")[2] in LIMITED
            yield judge.hit(found, message, Severity.MEDIUM if limited else Severity.HIGH)

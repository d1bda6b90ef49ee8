"""Which parser of XML a call uses, and whether that one fetches what a document names."""

from collections.abc import Iterator, Sequence

from casemate.model.location import Location
from casemate.readers.code import Assignment, Call, Code, Value

LOADERS = ("load_dtd", "dtd_validation", "attribute_defaults")
ITERPARSE = "lxml.etree.iterparse"
SET_FEATURE = "xml.sax.xmlreader.XMLReader.setFeature"
GENERAL = "http://xml.org/sax/features/external-general-entities"


def fetches(call: Call) -> bool | None:
    """Tell whether a parser of lxml is made that fetches, None where its default decides."""
    resolve = call.argument("resolve_entities")
    html = call.argument("html")
    if html is not None and html.constant is True:
        return False
    network = on(call, "no_network") is False
    if resolve is not None and resolve.constant is False:
        return network and any(on(call, name) for name in LOADERS)
    if network or any(on(call, name) for name in LOADERS):
        return True
    if resolve is None or not resolve.known:
        return None
    return resolve.constant is True


def on(call: Call, name: str) -> bool | None:
    """Tell whether an option is switched on, None where it is not passed or not known."""
    value = call.argument(name)
    return None if value is None or not value.known else bool(value.constant)


def feature_on(call: Call) -> bool:
    """Tell whether external entities of `xml.sax` are switched on."""
    name, state = call.argument("name", 0), call.argument("state", 1)
    if name is None or state is None or state.constant not in (True, 1):
        return False
    return name.name == "xml.sax.handler.feature_external_ges" or name.constant == GENERAL


class Parsers:
    """The parsers that a file makes, and which one a call uses: the one made on the spot, or kept under that name."""

    def __init__(self, code: Code) -> None:
        """Look at what is made and switched on."""
        self.made = {call.location: call for call in code.calls(tag="makes-xml-parser")}
        self.switched = [call for call in code.calls(SET_FEATURE) if feature_on(call)]
        self.parsing = {call.location: call for call in code.calls(tag="parses-xml")}
        self.kept: Sequence[Assignment] = ()
        if self.made:
            self.kept = [given for given in code.assignments() if given.value.location in self.made]
        self.used: set[Location] = set()

    def behind(self, value: Value, function: str) -> Iterator[Call]:
        """Yield the calls that made, or opened, the parser that an expression means."""
        if value.location in self.made:
            yield self.made[value.location]
        name = value.text.rpartition(".")[2]
        for given in self.kept:
            if given.target == name and ("." in value.text or given.function in {"", function}):
                yield self.made[given.value.location]
        for call in self.switched:
            if holder(call) == value.text and ("." in value.text or call.function in {"", function}):
                yield call

    def verdict(self, call: Call) -> bool | None:
        """Tell whether what a call parses with fetches; None where the default of its version decides."""
        if call.name == ITERPARSE:
            return fetches(call)
        parser = call.argument("parser")
        if parser is None and call.receiver is not None:
            parser = Value(call.location, holder(call))
        if parser is None or parser.constant is None:
            return None
        makers = list(self.behind(parser, call.function))
        verdicts = [True if maker.name == SET_FEATURE else fetches(maker) for maker in makers]
        if True in verdicts:
            self.used |= {maker.location for maker in makers}
            return True
        return None if None in verdicts else False

    def rest(self) -> Iterator[Location]:
        """Yield where parsers that fetch are made of which no remote document is known."""
        found = [call.location for call in self.made.values() if call.name != ITERPARSE and fetches(call)]
        found += [call.location for call in self.switched]
        yield from (location for location in found if location not in self.used)


def holder(call: Call) -> str:
    """Give the text of the object whose method is called."""
    return call.receiver.text.rpartition(".")[0] if call.receiver is not None else ""

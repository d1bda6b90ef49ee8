"""Remote documents in parsers that fetch what is named, and in parsers that do not."""

import xml.dom.minidom
import xml.dom.pulldom
import xml.etree.ElementTree as ElementTree
import xml.sax
from io import BytesIO
from xml.sax.handler import feature_external_ges, feature_namespaces

import defusedxml.ElementTree
import xmltodict
from flask import Flask, request
from lxml import etree, html, objectify

app = Flask(__name__)
OPEN = etree.XMLParser(resolve_entities=True)
CLOSED = etree.XMLParser(resolve_entities=False, no_network=True)
WITH_DTD = etree.XMLParser(load_dtd=True)  # flag xml-external-entities
TIDY = etree.XMLParser(remove_blank_text=True)


@app.post("/opened")
def opened():
    etree.fromstring(request.data, OPEN)  # flag xml-external-entities
    etree.parse(BytesIO(request.data), parser=OPEN)  # flag xml-external-entities
    etree.XML(request.data, etree.XMLParser(dtd_validation=True))  # flag xml-external-entities
    parser = etree.XMLParser(load_dtd=True, no_network=False)
    objectify.fromstring(request.data, parser)  # flag xml-external-entities
    for _, element in etree.iterparse(BytesIO(request.data), load_dtd=True):  # flag xml-external-entities
        element.clear()
    return ""


@app.post("/pieces")
def in_pieces():
    parser = etree.XMLParser(resolve_entities=True)
    parser.feed(request.data)  # flag xml-external-entities
    return str(len(parser.close()))


@app.post("/older")
def by_default_of_older_versions():
    etree.fromstring(request.data)  # flag xml-external-entities
    etree.fromstring(request.data, TIDY)  # flag xml-external-entities
    etree.iterparse(BytesIO(request.data), events=("end",))  # flag xml-external-entities
    return ""


@app.post("/closed")
def closed():
    etree.fromstring(request.data, CLOSED)
    etree.parse(BytesIO(request.data), etree.XMLParser(resolve_entities="internal"))
    etree.iterparse(BytesIO(request.data), resolve_entities=False)
    etree.iterparse(BytesIO(request.data), html=True)
    etree.fromstring(request.data, etree.HTMLParser())
    html.fromstring(request.data)
    etree.parse("people.xml", OPEN)
    return ""


@app.post("/standard")
def standard():
    ElementTree.fromstring(request.data)
    ElementTree.parse(BytesIO(request.data))
    xml.dom.minidom.parseString(request.data)
    xml.dom.pulldom.parseString(request.get_data(as_text=True))
    xml.sax.parseString(request.data, xml.sax.ContentHandler())
    xml.sax.parse(BytesIO(request.data), xml.sax.ContentHandler())
    defusedxml.ElementTree.fromstring(request.data)
    xmltodict.parse(request.data)
    return ""


@app.post("/switched/on")
def switched_on():
    reader = xml.sax.make_parser()
    reader.setFeature(feature_external_ges, True)
    reader.parse(BytesIO(request.data))  # flag xml-external-entities
    xml.dom.minidom.parseString(request.data, reader)  # flag xml-external-entities
    xml.dom.pulldom.parse(BytesIO(request.data), parser=reader)  # flag xml-external-entities
    return ""


@app.post("/switched/off")
def switched_off():
    reader = xml.sax.make_parser()
    reader.setFeature(feature_external_ges, False)
    reader.setFeature(feature_namespaces, True)
    reader.parse(BytesIO(request.data))
    xml.dom.minidom.parseString(request.data, reader)
    return ""


@app.post("/style")
def stylesheet():
    style = etree.fromstring(request.data, CLOSED)
    etree.XSLT(style)  # flag xml-external-entities
    etree.XSLT(style, access_control=etree.XSLTAccessControl.DENY_ALL)
    etree.XSLT(etree.parse("people.xsl"))
    return ""


def configured():
    reader = xml.sax.make_parser()
    reader.setFeature("http://xml.org/sax/features/external-general-entities", True)  # flag xml-external-entities
    return reader

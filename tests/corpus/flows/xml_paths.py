"""XPath expressions: those made of text, and those that take values as variables."""

import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import quoteattr

import elementpath
from defusedxml.ElementTree import parse as safely
from flask import Flask, request
from lxml import etree, html, objectify

app = Flask(__name__)
tree = etree.parse("people.xml")
PATHS = {"name": "//user/name", "mail": "//user/mail"}
by_name = etree.XPath("//user[@name = $name]")


@app.route("/lxml")
def with_lxml():
    name = request.args["name"]
    tree.xpath("//user[@name = '" + name + "']")  # flag xpath-injection
    tree.getroot().xpath(f"//user[@name = '{name}']")  # flag xpath-injection
    tree.find(f".//user[@name = '{name}']")  # flag xpath-injection
    etree.XPath(f"//user[@name = '{name}']")(tree)  # flag xpath-injection
    etree.ETXPath("//{space}user[@name = '%s']" % name)  # flag xpath-injection
    etree.XPathEvaluator(tree)("//user[@name = '{}']".format(name))  # flag xpath-injection
    for user in tree.getroot():
        user.findtext(name)  # flag xpath-injection
    html.parse("people.html").getroot().xpath("//a[text() = " + quoteattr(name) + "]")  # flag xpath-injection
    objectify.parse("people.xml").getroot().findall(name)  # flag xpath-injection
    return ""


@app.route("/lxml/variables")
def with_variables():
    name = request.args["name"]
    tree.xpath("//user[@name = $name]", name=name)
    by_name(tree, name=name)
    tree.xpath(PATHS[request.args["column"]])
    tree.xpath("//user[%d]" % int(name))
    if name in PATHS:
        tree.xpath("//user/" + name)
    return "".join(found for found in tree.xpath("//user/@name") if found == name)


@app.route("/standard")
def with_the_standard_library():
    name = request.args["name"]
    root = ElementTree.parse("people.xml").getroot()
    root.find(f"./user[@name='{name}']")  # flag xpath-injection
    root.findall(f"./user[@name='{name}']")  # flag xpath-injection
    [user.get("mail") for user in root.iterfind(name)]  # flag xpath-injection
    safely("people.xml").findtext(name)  # flag xpath-injection
    found = [user for user in root.findall("./user") if user.get("name") == name]
    return {"users": len(found), "mail": root.get(name, "")}


@app.route("/elementpath")
def with_elementpath():
    name = request.args["name"]
    root = ElementTree.parse("people.xml").getroot()
    elementpath.select(root, f"//user[@name = '{name}']")  # flag xpath-injection
    elementpath.Selector("//user[@name = '" + name + "']")  # flag xpath-injection
    elementpath.XPath2Parser().parse(name)  # flag xpath-injection
    elementpath.select(root, "//user[@name = $name]", variables={"name": name})
    return ""


@app.route("/style")
def with_a_stylesheet():
    name = request.args["name"]
    transform = etree.XSLT(etree.parse("people.xsl"))
    transform(tree, name="'" + name + "'")  # flag xpath-injection
    transform(tree, name=etree.XSLT.strparam(name))
    return ""

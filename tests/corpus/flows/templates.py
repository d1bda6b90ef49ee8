"""Templates from outside, values in templates, and what comes out of them."""

import string

import markdown
from flask import Flask, request
from jinja2 import Environment, FileSystemLoader, Template, select_autoescape
from jinja2.sandbox import SandboxedEnvironment
from mako.lookup import TemplateLookup
from mako.template import Template as Mako
from markupsafe import Markup, escape

app = Flask(__name__)
environment = Environment(loader=FileSystemLoader("pages"), autoescape=select_autoescape())
sandbox = SandboxedEnvironment(autoescape=True)
lookup = TemplateLookup(["pages"], default_filters=["h"])


@app.route("/text")
def template_from_outside():
    text = request.args["text"]
    Template(text)  # flag template-injection
    environment.from_string("Dear " + text)  # flag template-injection
    environment.overlay(trim_blocks=True).from_string(text)  # flag template-injection
    environment.compile_expression(text)  # flag template-injection
    Mako(text).render()  # flag template-injection
    Mako(text=f"Dear {text}")  # flag template-injection
    lookup.put_string("page", text)  # flag template-injection
    sandbox.from_string(text)
    sandbox.compile_expression(text)
    sandbox.compile(text)
    return string.Template("Dear $x").substitute(x=escape(text))


@app.route("/values")
def values_for_templates():
    text = request.args["text"]
    pages = [
        environment.get_template("page.html").render(text=text),
        environment.from_string("<p>{{ text }}</p>").render(text=text),
        lookup.get_template("page.html").render(text=text),
        Template("<p>{{ text }}</p>").render(text=escape(text)),
    ]
    return "".join(pages)


@app.route("/jinja")
def jinja_without_escaping():
    return Template("<p>{{ text }}</p>").render(text=request.args["text"])  # flag cross-site-scripting


@app.route("/mako")
def mako_without_escaping():
    return Mako("<p>${text}</p>").render(text=request.args["text"])  # flag cross-site-scripting


@app.route("/markdown")
def markdown_keeps_html():
    return markdown.markdown(request.args["text"])  # flag cross-site-scripting


@app.route("/markdown/escaped")
def markdown_of_escaped_text():
    return markdown.markdown(escape(request.args["text"]))


@app.route("/substituted")
def substituted():
    return string.Template("<p>$text</p>").safe_substitute(text=request.args["text"])  # flag cross-site-scripting


@app.route("/markup")
def markup():
    text = request.args["text"]
    bold = Markup("<b>{}</b>").format(text)
    return Markup("<p>{}{}</p>").format(bold, Markup.escape(text))

"""Environments of templates without a web framework beside them."""

import jinja2
from jinja2 import Environment, select_autoescape
from mako.lookup import TemplateLookup

OFF = 0


def plain(loader):
    return Environment(loader=loader)  # flag autoescape-off


def by_number(loader):
    return Environment(loader=loader, autoescape=OFF)  # flag autoescape-off


def chosen(loader, escape):
    jinja2.Environment(loader=loader, autoescape=escape)
    return jinja2.Environment(loader=loader, autoescape=select_autoescape())


def lookup(folder):
    TemplateLookup([folder], default_filters=["h"])
    return TemplateLookup([folder])  # flag autoescape-off

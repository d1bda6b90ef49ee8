"""Prices of other shops and of our supplier."""

from urllib.parse import urlsplit

import requests
from flask import Blueprint, Response, abort, request

from shop import settings

prices = Blueprint("prices", __name__, url_prefix="/price")
ALLOWED = {settings.SUPPLIER}
SHELVES = {"lamps": f"http://{settings.SUPPLIER}/lamps", "tools": f"http://{settings.SUPPLIER}/tools"}


def fetch(url):
    """Get a page as it is, without following it elsewhere."""
    answer = requests.get(url, timeout=5, allow_redirects=False)
    return Response(answer.content, mimetype="text/plain")


@prices.get("/compare")
def compare():
    """Compare with any page. HOLE: the server fetches what only the server may reach."""
    return fetch(request.args.get("url", ""))


@prices.get("/supplier")
def supplier():
    """Ask our supplier: the customer chooses the product and never the host."""
    return fetch_price(request.args.get("sku", ""))


def fetch_price(sku):
    """Get the price of one product from the supplier."""
    answer = requests.get(f"http://{settings.SUPPLIER}/price", params={"sku": sku}, timeout=5, allow_redirects=False)
    return Response(answer.content, mimetype="text/plain")


@prices.get("/page")
def page():
    """Fetch a page of the supplier by its full address, and of nobody else."""
    url = request.args.get("url", "")
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.netloc not in ALLOWED:
        abort(400)
    return fetch_page(url)


def fetch_page(url):
    """Get a page that the caller has checked."""
    answer = requests.get(url, timeout=5, allow_redirects=False)
    return Response(answer.content, mimetype="text/plain")


@prices.get("/shelf")
def shelf():
    """Fetch one of the pages that we know."""
    url = SHELVES.get(request.args.get("name", ""))
    if url is None:
        abort(404)
    return fetch_page(url)

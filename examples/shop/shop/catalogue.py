"""What the shop sells: list, search, product page."""

import hashlib
import random

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from markupsafe import escape

from shop import database

BANNERS = ["Lamps for dark places", "Rope you can trust", "Dig deeper"]

catalogue = Blueprint("catalogue", __name__)


@catalogue.get("/")
def home():
    """Show a banner; which one does not matter, so the plain random generator will do."""
    return render_template("list.html", title=random.choice(BANNERS), products=database.search(""))


@catalogue.get("/search")
def search():
    """Search by name. HOLE: see `database.matching`."""
    text = request.args.get("q", "")
    return render_template("list.html", title=f"Results for {text}", products=database.search(text))


@catalogue.get("/category/<name>")
def category(name):
    """List a category in the order the customer wants."""
    found = database.in_category(name, request.args.get("order", "name"))
    return render_template("list.html", title=name, products=found)


@catalogue.get("/product")
def product():
    """Show one product, with an ETag: the hash only tells versions apart."""
    try:
        found = database.product(request.args.get("id", ""))
    except ValueError:
        abort(400)
    if found is None:
        abort(404)
    page = render_template("list.html", title=found[0], products=[found])
    response = make_response(page)
    response.headers["ETag"] = hashlib.md5(page.encode(), usedforsecurity=False).hexdigest()
    return response


@catalogue.get("/hello")
def hello():
    """Greet by name, escaped by hand."""
    return f"<p>Hello, {escape(request.args.get('name', 'stranger'))}</p>"


@catalogue.get("/old-search")
def old_search():
    """Lead an old address to the new one, on this site only."""
    return redirect(url_for("catalogue.search", q=request.args.get("q", "")))

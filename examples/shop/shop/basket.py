"""The basket: kept in a cookie, imported and exported, and turned into an order."""

import base64
import binascii
import json
import pickle
import secrets

from flask import Blueprint, abort, jsonify, render_template, request

from shop import database, settings

EMPTY = pickle.dumps({})

basket = Blueprint("basket", __name__)


def fresh():
    """Give an empty basket: a copy of our own bytes."""
    return pickle.loads(EMPTY)


def restore(text):
    """Turn an exported basket back into one. HOLE: a pickle may call anything."""
    if not text:
        return fresh()
    return pickle.loads(base64.b64decode(text))


@basket.get("/basket")
def show():
    """Show the basket that the browser kept."""
    try:
        items = restore(request.cookies.get("basket", ""))
    except (binascii.Error, pickle.UnpicklingError):
        abort(400)
    return render_template("basket.html", items=dict(items))


@basket.post("/basket/import")
def import_basket():
    """Import a basket from another shop, as JSON: only text and numbers can come out."""
    try:
        items = json.loads(base64.b64decode(request.form.get("basket", "")))
        wanted = {str(name): int(quantity) for name, quantity in items.items()}
    except (ValueError, AttributeError, TypeError):
        abort(400)
    return render_template("basket.html", items=wanted)


@basket.post("/order")
def order():
    """Take an order and write its receipt; its number cannot be guessed."""
    number = secrets.token_hex(8)
    address = request.form.get("address", "")
    database.add_order(number, address, 0)
    (settings.RECEIPTS / f"{number}.txt").write_text(f"Order {number}\nto {address}\n", encoding="utf-8")
    return jsonify(receipt=f"{number}.txt")

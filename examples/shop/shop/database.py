"""The only module that speaks SQL."""

import sqlite3
from contextlib import closing

from shop import settings

SCHEMA = """
CREATE TABLE IF NOT EXISTS product (id INTEGER PRIMARY KEY, name TEXT, category TEXT, price INTEGER);
CREATE TABLE IF NOT EXISTS payment (id INTEGER PRIMARY KEY, customer TEXT, card TEXT);
CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, address TEXT, total INTEGER);
"""
PRODUCTS = [
    (1, "Brass lamp", "light", 4900),
    (2, "Oil lamp", "light", 2900),
    (3, "Rope, 20 m", "tools", 1500),
    (4, "Pickaxe", "tools", 3500),
]
PAYMENTS = [(1, "Ada", "4000-0000-0000-1111"), (2, "Grace", "4000-0000-0000-2222")]
ORDERS = {"name": "name", "price": "price", "newest": "id DESC"}


def connect():
    """Open the database; the caller closes it."""
    return sqlite3.connect(settings.DATABASE)


def prepare():
    """Make and fill the tables where they are missing."""
    with closing(connect()) as connection, connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT OR IGNORE INTO product VALUES (?, ?, ?, ?)", PRODUCTS)
        connection.executemany("INSERT OR IGNORE INTO payment VALUES (?, ?, ?)", PAYMENTS)


def rows(query, parameters=()):
    """Run one query and give all rows."""
    with closing(connect()) as connection:
        return connection.execute(query, parameters).fetchall()


def matching(column, text):
    """Build the condition of a search by hand. HOLE: the text becomes part of the statement."""
    return f"{column} LIKE '%{text}%'"


def search(text):
    """Find products by a part of their name."""
    return rows("SELECT name, price FROM product WHERE " + matching("name", text) + " ORDER BY name")


def in_category(category, order):
    """List a category: the value is a parameter, and the order is one of our own words."""
    column = ORDERS.get(order, "name")
    return rows(f"SELECT name, price FROM product WHERE category = ? ORDER BY {column}", (category,))


def product(number):
    """Give one product, or None. A number cannot carry SQL."""
    found = rows(f"SELECT name, price FROM product WHERE id = {int(number)}")
    return found[0] if found else None


def add_order(number, address, total):
    """Keep an order."""
    with closing(connect()) as connection, connection:
        connection.execute("INSERT INTO orders VALUES (?, ?, ?)", (number, address, total))

"""The application factory and the development server, on loopback only."""

from flask import Flask

from shop import settings
from shop.basket import basket
from shop.catalogue import catalogue
from shop.database import prepare
from shop.labels import labels
from shop.prices import prices
from shop.receipts import receipts


def create_app():
    """Make the data folder and the application."""
    settings.RECEIPTS.mkdir(parents=True, exist_ok=True)
    prepare()
    app = Flask(__name__)
    app.config["SECRET_KEY"] = settings.SECRET_KEY
    for part in (catalogue, basket, receipts, prices, labels):
        app.register_blueprint(part)
    return app


def main():
    """Serve until interrupted."""
    create_app().run(host="127.0.0.1", port=settings.PORT, debug=False, threaded=True)

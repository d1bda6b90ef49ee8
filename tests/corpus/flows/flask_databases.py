"""Databases behind Flask: SQLAlchemy and MongoDB through extensions."""

import json

import mongoengine
from flask import Flask, request
from flask_mongoengine import MongoEngine
from flask_pymongo import PyMongo
from flask_sqlalchemy import SQLAlchemy
from mongoengine.connection import get_db

app = Flask(__name__)
db = SQLAlchemy(app)
engine = MongoEngine(app)
mongo = PyMongo(app)


class Person(db.Model):
    name = db.Column(db.String)


class Film(mongoengine.Document):
    title = mongoengine.StringField()


class Scene(engine.Document):
    title = engine.StringField()


@app.route("/people")
def people():
    name = request.args["name"]
    db.session.execute("SELECT * FROM person WHERE name = '" + name + "'")  # flag sql-injection
    db.session.execute(db.text("SELECT * FROM person WHERE name = :name"), {"name": name})
    Person.query.filter(db.text("name = '" + name + "'")).all()  # flag sql-injection
    Person.query.order_by(db.text(name)).paginate(page=1)  # flag sql-injection
    with db.engine.begin() as connection:
        connection.execute(f"DELETE FROM person WHERE name = '{name}'")  # flag sql-injection
    Person.query.filter_by(name=name).first()
    Person.query.filter(Person.name == name).first()
    return ""


@app.route("/films")
def films():
    wanted = json.loads(request.args["wanted"])
    Film.objects(__raw__=wanted)  # flag nosql-injection
    Film.objects.filter(__raw__=wanted).first()  # flag nosql-injection
    Scene.objects(__raw__=wanted)  # flag nosql-injection
    Film.objects.where(request.args["where"])  # flag nosql-injection
    get_db()["film"].find({"title": wanted})  # flag nosql-injection
    engine.get_db().film.find({"title": wanted})  # flag nosql-injection
    mongo.db.film.find_one({"title": wanted})  # flag nosql-injection
    Film.objects(title=request.args["title"])
    Film.objects.filter(title__contains=request.args["title"]).first()
    mongo.db.film.find_one({"title": request.args["title"]})
    return ""

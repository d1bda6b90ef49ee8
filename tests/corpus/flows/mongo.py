"""Queries of a document database: objects from outside choose operators, texts are only compared."""

import json

from bson import Code, ObjectId
from flask import Flask, request
from mongosanitizer.sanitizer import sanitize
from pymongo import AsyncMongoClient, DeleteOne, MongoClient

app = Flask(__name__)
client = MongoClient("mongodb://localhost:27017")
users = client["shop"]["users"]
orders = client.get_database("shop").get_collection("orders")


@app.route("/login", methods=["POST"])
def login():
    data = request.get_json()
    users.find_one({"name": data["name"], "password": data["password"]})  # flag nosql-injection
    users.find_one({"name": str(data["name"]), "code": data.get("code", "")})  # flag nosql-injection
    users.find_one({"name": str(data["name"]), "age": int(data["age"])})
    users.find_one({"_id": ObjectId(data["id"])})
    return ""


@app.route("/search", methods=["POST"])
def search():
    users.find(request.json)  # flag nosql-injection
    users.find(filter=request.get_json())  # flag nosql-injection
    users.count_documents(json.loads(request.args["filter"]))  # flag nosql-injection
    users.find(request.args.to_dict())  # flag nosql-injection
    users.find({"$or": [{"name": request.json["name"]}, {"open": True}]})  # flag nosql-injection
    users.aggregate([{"$match": {"name": request.json["name"]}}])  # flag nosql-injection
    users.aggregate(request.json["pipeline"])  # flag nosql-injection
    return ""


@app.route("/people/<name>")
def texts(name):
    users.find_one({"name": name})
    users.find_one({"name": request.args["name"]})
    users.find({"name": request.args.get("name"), "city": request.form["city"]})
    users.find({"code": request.args.get("code")})
    users.aggregate([{"$match": {"name": name}}, {"$limit": 10}])
    users.find({request.args["field"]: request.args["value"]})  # flag nosql-injection
    if request.args["field"] == "city":
        users.find({"address.city": request.args["value"]})
    query = {"open": True}
    if "city" in request.args:
        query["city"] = request.args["city"]
    return list(users.find(query).sort("name").limit(5))


@app.route("/script")
def script():
    age = request.args["age"]
    users.find({"$where": "this.age > " + age})  # flag nosql-injection
    users.find({"$where": f"this.age > {int(age)}"})
    users.find().where("this.age > " + age)  # flag nosql-injection
    users.find({"$expr": {"$function": {"body": Code("return " + age), "args": [], "lang": "js"}}})  # flag nosql-injection
    client["shop"].command(age)  # flag nosql-injection
    return ""


@app.route("/change", methods=["POST"])
def change():
    data = request.get_json()
    users.update_one({"name": "guest"}, {"$set": {"language": data["language"]}})
    users.update_one({"name": "guest"}, data)  # flag nosql-injection
    users.update_many({"name": data["name"]}, {"$inc": {"visits": 1}})  # flag nosql-injection
    users.insert_one(data)
    orders.delete_many({"user": data["user"]})  # flag nosql-injection
    orders.bulk_write([DeleteOne({"user": data["user"]})])  # flag nosql-injection
    orders.delete_one({"user": str(data["user"])})
    return ""


@app.route("/async", methods=["POST"])
async def asynchronous():
    people = AsyncMongoClient()["shop"]["people"]
    await people.find_one({"name": request.json["name"]})  # flag nosql-injection
    await people.find_one({"name": request.args["name"]})
    return ""


@app.route("/cleaned", methods=["POST"])
def cleaned():
    query = request.get_json()
    users.find(sanitize(request.get_json()))
    users.find(query)  # flag nosql-injection
    sanitize(query)
    users.find(query)
    exec(query["code"])  # flag code-injection
    users.find(request.get_json())  # flag nosql-injection
    return ""


@app.route("/grouped")
def grouped():
    name = request.args["name"]
    sums = {"init": "function() { return 0 }", "accumulate": "function(s) { return s + '" + name + "' }"}
    group = {"_id": None, "total": {"$accumulator": sums}}
    users.aggregate([{"$match": {"age": 7}}, {"$group": group}])  # flag nosql-injection
    users.aggregate(pipeline=[{"$facet": {"a": [{"$match": {"$where": name}}]}}])  # flag nosql-injection
    users.aggregate([{"$group": {"_id": None, "total": {"$accumulator": {"init": "f", "initArgs": [1]}}}}])
    users.aggregate([{"$facet": {"a": [{"$match": {"name": name}}]}}])
    return ""

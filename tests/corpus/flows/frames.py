"""Tables: where they come from, what is asked of them and where they go."""

import io
import sqlite3

import pandas as pd
from flask import Flask, request

app = Flask(__name__)
FRAME = pd.DataFrame({"name": ["a"], "price": [1]})


@app.get("/ask")
def asked():
    question = request.args["q"]
    FRAME.query(question)  # flag code-injection
    FRAME.query(f"name == '{question}'")  # flag code-injection
    FRAME.dropna().head(3).query(question)  # flag code-injection
    FRAME[FRAME.price > 1].eval(question)  # flag code-injection
    FRAME.loc[FRAME.price > 1].query(question)  # flag code-injection
    pd.eval(question)  # flag code-injection
    FRAME.query("name == @question")
    FRAME[FRAME.name == question]
    FRAME.query(f"price == {int(question)}")
    return ""


@app.get("/rows")
def rows():
    connection = sqlite3.connect("shop.db")
    name = request.args["name"]
    pd.read_sql(f"SELECT * FROM goods WHERE name = '{name}'", connection)  # flag sql-injection
    pd.read_sql_query("SELECT * FROM goods WHERE name = '%s'" % name, con=connection)  # flag sql-injection
    pd.read_sql("SELECT * FROM goods WHERE name = ?", connection, params=(name,))
    FRAME.to_sql(name, connection)
    return ""


@app.get("/files")
def files():
    name = request.args["name"]
    pd.read_csv("/srv/tables/" + name)  # flag path-traversal
    pd.read_excel(f"/srv/tables/{name}", sheet_name="prices")  # flag path-traversal
    FRAME.to_csv("/srv/tables/" + name)  # flag path-traversal
    FRAME["price"].to_json(f"/srv/tables/{name}")  # flag path-traversal
    FRAME.to_csv()
    pd.read_csv("/srv/tables/goods.csv", usecols=[name])
    return ""


@app.post("/upload")
def uploaded():
    connection = sqlite3.connect("shop.db")
    table = pd.read_csv(request.files["table"])
    pd.read_csv(io.BytesIO(request.get_data()))
    pd.read_json(io.StringIO(request.form["table"]))
    first = table["name"].iloc[0]
    connection.execute(f"DELETE FROM goods WHERE name = '{first}'")  # flag sql-injection
    connection.execute("DELETE FROM goods WHERE name = ?", (first,))
    for row in table.itertuples():
        connection.execute(f"INSERT INTO goods VALUES ('{row.name}')")  # flag sql-injection
    return table.to_html()

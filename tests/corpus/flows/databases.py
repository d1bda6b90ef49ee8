"""Statements of databases: with parameters and names that a library quotes, and put together from text."""

import asyncpg
import MySQLdb
import peewee
import psycopg
import psycopg2
import psycopg2.extras
import pymysql
import sqlalchemy
from flask import Flask, request
from psycopg import sql as composing
from psycopg2 import sql
from psycopg2.extensions import AsIs
from sqlalchemy import orm

app = Flask(__name__)
COLUMNS = {"name": "name", "age": "born DESC"}
ORDERS = ("ASC", "DESC")


@app.route("/psycopg2")
def with_psycopg2():
    name = request.args["name"]
    connection = psycopg2.connect(dbname="shop", host="db.example.org")
    with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute("SELECT * FROM people WHERE name = '" + name + "'")  # flag sql-injection
        cursor.execute("SELECT * FROM people WHERE name = %s" % name)  # flag sql-injection
        cursor.execute("SELECT * FROM people WHERE name = %s", (name,))
        cursor.execute("SELECT * FROM people WHERE name = %(name)s", {"name": name})
        cursor.execute(f"SELECT * FROM people WHERE id = {int(name)}")
        cursor.execute("SELECT * FROM people ORDER BY " + COLUMNS.get(name, "name"))
        cursor.execute(sql.SQL("SELECT * FROM {} WHERE x = %s").format(sql.Identifier(name)), (1,))
        cursor.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join([sql.Identifier(name), sql.Literal(name)])))
        cursor.execute(sql.SQL("SELECT * FROM " + name))  # flag sql-injection
        cursor.execute("SELECT * FROM %s", (AsIs(name),))  # flag sql-injection
        cursor.execute(cursor.mogrify("SELECT * FROM people WHERE name = %s", (name,)))
        psycopg2.extras.execute_values(cursor, "INSERT INTO people (name) VALUES %s", [(name,)])
        psycopg2.extras.execute_values(cursor, f"INSERT INTO {name} (n) VALUES %s", [(1,)])  # flag sql-injection
        order = request.args["order"]
        if order in ORDERS:
            cursor.execute("SELECT * FROM people ORDER BY name " + order)
    return ""


@app.route("/psycopg")
def with_psycopg():
    name = request.args["name"]
    with psycopg.connect("dbname=shop") as connection:
        connection.execute(f"SELECT * FROM people WHERE name = '{name}'")  # flag sql-injection
        connection.execute("SELECT * FROM people WHERE name = %s", [name]).fetchall()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM " + name)  # flag sql-injection
            cursor.execute(composing.SQL("DELETE FROM {}").format(composing.Identifier(name)))
            cursor.copy(f"COPY {name} TO STDOUT")  # flag sql-injection
    return ""


@app.route("/async")
async def asynchronous():
    name = request.args["name"]
    async with await psycopg.AsyncConnection.connect("dbname=shop") as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("DELETE FROM people WHERE name = '%s'" % name)  # flag sql-injection
            await cursor.execute("DELETE FROM people WHERE name = %s", (name,))
    other = await asyncpg.connect("postgresql://localhost/shop")
    await other.fetch(f"SELECT * FROM people WHERE name = '{name}'")  # flag sql-injection
    await other.fetchrow("SELECT * FROM people WHERE name = $1", name)
    async with asyncpg.create_pool("postgresql://localhost/shop") as pool:
        await pool.execute("DELETE FROM people WHERE name = $1", name)
        async with pool.acquire() as third:
            await third.execute("DELETE FROM people WHERE name = " + name)  # flag sql-injection
    return ""


@app.route("/mysql")
def with_mysql():
    name = request.args["name"]
    first = pymysql.connect(host="db.example.org", user="shop")
    with first.cursor() as cursor:
        cursor.execute("SELECT * FROM people WHERE name = '%s'" % name)  # flag sql-injection
        cursor.execute("SELECT * FROM people WHERE name = %s", (name,))
        cursor.execute("SELECT * FROM people WHERE name = " + first.escape(name))
    second = MySQLdb.connect("db.example.org", "shop").cursor()
    second.execute("SELECT * FROM people WHERE name = '%s'" % name)  # flag sql-injection
    second.execute("SELECT * FROM people WHERE name = %s", (name,))
    return ""


database = peewee.PostgresqlDatabase("shop")


class Person(peewee.Model):
    name = peewee.CharField()

    class Meta:
        database = database


@app.route("/peewee")
def with_peewee():
    name = request.args["name"]
    database.execute_sql("SELECT * FROM person WHERE name = '" + name + "'")  # flag sql-injection
    database.execute_sql("SELECT * FROM person WHERE name = %s", (name,))
    Person.raw("SELECT * FROM person WHERE name = '%s'" % name)  # flag sql-injection
    Person.raw("SELECT * FROM person WHERE name = %s", name)
    Person.select().where(peewee.SQL("name = '%s'" % name))  # flag sql-injection
    Person.select().where(peewee.SQL("name = %s", [name]))
    Person.select().where(Person.name == name).order_by(Person.name)
    Person.select().where(Person.name.contains(name)).limit(5)
    Person.get_or_none(Person.name == name)
    return ""


engine = sqlalchemy.create_engine("postgresql://localhost/shop")
Session = orm.sessionmaker(engine)
scoped = orm.scoped_session(Session)


class Base(orm.DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]


@app.route("/sqlalchemy")
def with_sqlalchemy():
    name = request.args["name"]
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT * FROM users WHERE name = '%s'" % name))  # flag sql-injection
        connection.execute(sqlalchemy.text("SELECT * FROM users WHERE name = :name"), {"name": name})
        connection.execute(sqlalchemy.text("SELECT * FROM users WHERE name = :name").bindparams(name=name))
        connection.exec_driver_sql("SELECT * FROM users WHERE name = '" + name + "'")  # flag sql-injection
        connection.exec_driver_sql("SELECT * FROM users WHERE name = %s", (name,))
        connection.execute(sqlalchemy.select(User).where(User.name == name))
        connection.execute(sqlalchemy.select(User).where(User.name.like("%" + name + "%")).limit(5))
        connection.execute(sqlalchemy.update(User).where(User.name == name).values(name=name))
        connection.execute(sqlalchemy.insert(User).values(name=name))
    engine.raw_connection().cursor().execute("DELETE FROM " + name)  # flag sql-injection
    return ""


@app.route("/orm")
def with_orm():
    name = request.args["name"]
    with Session() as session:
        session.execute(sqlalchemy.text(f"DELETE FROM users WHERE name = '{name}'"))  # flag sql-injection
        session.query(User).filter(User.name == name).filter_by(name=name).order_by(User.name).all()
        session.query(User).filter(sqlalchemy.text("name = '%s'" % name)).all()  # flag sql-injection
        session.query(User).filter(sqlalchemy.text("name = :name")).params(name=name).first()
        session.query(User).prefix_with("/*+ " + name + " */").all()  # flag sql-injection
        session.query(User).order_by(sqlalchemy.literal_column(name))  # flag sql-injection
        session.query(User).order_by(name).all()
        session.scalars(sqlalchemy.select(User).where(User.name.ilike(name))).all()
        user = session.get(User, name)
        session.execute(sqlalchemy.select(User).where(User.id == user.id))
    scoped.execute(sqlalchemy.text("DELETE FROM users WHERE name = " + name))  # flag sql-injection
    scoped().query(User).filter_by(name=name).one()
    return ""


@app.route("/stored")
def from_a_row():
    cursor = psycopg2.connect("dbname=shop").cursor()
    cursor.execute("SELECT name FROM people")
    for row in cursor.fetchall():
        cursor.execute("DELETE FROM people WHERE name = '%s'" % row[0])  # flag sql-injection
        cursor.execute("DELETE FROM people WHERE name = %s", (row[0],))
    return ""

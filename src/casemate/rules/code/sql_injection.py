"""Text from outside becomes part of an SQL statement.

## Why
A statement that is put together from text is parsed as a whole. Whoever writes the text writes SQL: reads other
tables, changes rows, and with some databases reads files and starts programs.

## Fix
Pass values as parameters: `cursor.execute("SELECT … WHERE name = ?", (name,))`. Take names of columns and directions
from a dictionary of your own words.

## Known misses
Drivers without a library model, unless the text begins as a statement (`SELECT …`) and goes to a method that is called
`execute`, `query` or alike: then the confidence is low. Statements that are stored and run elsewhere. Names of tables
that a number or a word list limits in a way the analysis does not see are flagged although they are harmless.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    import sqlite3
    from flask import Flask, request

    app = Flask(__name__)
    COLUMNS = {"name": "name", "age": "born DESC"}


    @app.route("/people")
    def people():
        connection = sqlite3.connect("people.db")
        name = request.args["name"]
        column = COLUMNS.get(request.args["order"], "name")
        connection.execute(f"SELECT * FROM people WHERE name = '{name}'")  # flag
        connection.cursor().execute("SELECT * FROM people WHERE name = '%s'" % name)  # flag
        connection.execute("SELECT * FROM people WHERE name = ?", (name,))
        connection.execute(f"SELECT * FROM people WHERE id = {int(name)}")
        connection.execute("SELECT * FROM people ORDER BY " + column)
        return ""
"""


@rule(
    severity=Severity.CRITICAL,
    confidence=Confidence.HIGH,
    cwe=89,
    kinds=("sql",),
    capabilities=(
        Capability.FS_READ,
        Capability.FS_WRITE,
    ),
    example=EXAMPLE,
)
def sql_injection(code: Code) -> Iterator[Hit]:
    """Report every flow into the text of a statement."""
    message = "{source} becomes part of the statement that {sink} runs"
    return judge.flows(code, "sql", message=message, remote=Severity.CRITICAL, local=Severity.LOW)

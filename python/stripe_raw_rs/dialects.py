"""How engines name tables and views in SQL, and take members out of JSON."""

from __future__ import annotations


class Dialect:
    """The SQL of Spark, and of Databricks: tables of a catalog."""

    text = "STRING"

    def __init__(self, catalog: str, schema: str) -> None:
        """Name the place of the tables."""
        self._place = f"{_quoted(catalog, '`')}.{_quoted(schema, '`')}"

    def table(self, name: str) -> str:
        """Name a table that is read."""
        return f"{self._place}.{_quoted(name, '`')}"

    def view(self, name: str) -> str:
        """Name a view that is created."""
        return self.table(name)

    def seconds(self, timestamp: str) -> str:
        """Convert a moment to seconds since 1970."""
        return f"unix_seconds({timestamp})"

    def json(self, path: str, of: str = "_raw_json") -> str:
        """Take a member out of JSON, as text; names have dots between them."""
        return f"get_json_object({of}, '$.{path}')"

    def elements(self, path: str) -> str:
        """Take the elements out of an array of a payload, as texts, one row each."""
        return f"explode(from_json({self.json(path)}, 'ARRAY<STRING>'))"


class DuckDb(Dialect):
    """The SQL of DuckDB, which reads the tables of a lake by its extension `delta`.

    It takes some texts for no JSON that Stripe may send, such as half of a surrogate pair: these have no members here.
    """

    text = "VARCHAR"

    def __init__(self, lake: str) -> None:
        """Name the folder of the tables."""
        self._lake = lake.rstrip("/")

    def table(self, name: str) -> str:
        """Name a table that is read."""
        path = f"{self._lake}/{name}".replace("'", "''")
        return f"delta_scan('{path}')"

    def view(self, name: str) -> str:
        """Name a view that is created."""
        return _quoted(name, '"')

    def seconds(self, timestamp: str) -> str:
        """Convert a moment to seconds since 1970."""
        return f"epoch({timestamp})"

    def json(self, path: str, of: str = "_raw_json") -> str:
        """Take a member out of JSON, as text; names have dots between them."""
        return f"(CASE WHEN json_valid({of}) THEN {of} ->> '$.{path}' END)"

    def elements(self, path: str) -> str:
        """Take the elements out of an array of a payload, as texts, one row each."""
        return f"CAST(unnest(CASE WHEN json_valid(_raw_json) THEN _raw_json -> '$.{path}[*]' END) AS VARCHAR)"


class DuckDbNames(DuckDb):
    """The SQL of DuckDB, over tables that are registered under their names."""

    def table(self, name: str) -> str:
        """Name a table that is read."""
        return _quoted(name, '"')


class DataFusion(Dialect):
    """The SQL of DataFusion, which comes with delta-rs: tables under their names. It takes nothing out of JSON."""

    text = "VARCHAR"

    def __init__(self) -> None:
        """Tables have no other place than their names."""

    def table(self, name: str) -> str:
        """Name a table that is read."""
        return _quoted(name, '"')

    def seconds(self, timestamp: str) -> str:
        """Convert a moment to seconds since 1970."""
        return f"date_part('epoch', {timestamp})"


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, 2 * quote) + quote

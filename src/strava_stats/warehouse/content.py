"""What a warehouse says, as one number a table: two files with the same numbers hold the same rows."""

from __future__ import annotations

from strava_stats.warehouse.query import Warehouse

NOT_COMPARED = frozenset({"runs", "quarantine"})
"""Bronze does not hold them: runs that landed nothing, and what the next try may change."""

TABLES = """
select table_schema, table_name, list(column_name order by column_name)
from information_schema.columns
inner join information_schema.tables using (table_schema, table_name)
where
    (table_schema = 'main' or (table_schema = 'meta' and table_name = 'sample_sets'))
    and table_type = 'BASE TABLE'
    and column_name <> 'fetched_at'
group by table_schema, table_name
order by table_name
"""


def content_hashes(warehouse: Warehouse) -> dict[str, str]:
    """Table → rows and hash of its content: of every column but `fetched_at`, whatever the order of the rows.

    Of the bookkeeping only which samples count.

    Instants are taken in UTC. The hash is DuckDB's own: compare only what one process has computed.
    """
    found = {}
    for schema, table, columns in warehouse.rows(TABLES):
        if table not in NOT_COMPARED:
            row = ", ".join(f'"{column}"' for column in columns)
            query = f'select count(*), coalesce(sum(hash({row})::hugeint), 0) from {schema}."{table}"'  # noqa: S608 - our own names
            count, total = warehouse.rows(query)[0]
            found[table if schema == "main" else f"{schema}.{table}"] = f"{count} rows, {total:x}"
    return found

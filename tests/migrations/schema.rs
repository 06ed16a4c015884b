//! The tables that `src/schema.rs` declares match those of both engines.

use crate::migrations::workspace::Workspace;
use crate::support::database::Engine;
use crate::support::repository_root;
use std::collections::BTreeMap;
use std::fs;

/// A table as declared in `src/schema.rs`, or as found in a database.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    key: Vec<String>,
    columns: Vec<Column>,
}

#[derive(Debug, PartialEq, Eq)]
struct Column {
    name: String,
    /// The engine's name of the type.
    sql_type: String,
    nullable: bool,
}

type Tables = BTreeMap<String, Table>;

/// Tables that SQLite lacks. It migrates in one transaction, which locks the whole database.
const POSTGRES_ONLY: [&str; 1] = ["migration_lock"];

#[test]
fn sqlite_has_the_tables_of_schema_rs() {
    let mut declared = declared(Engine::Sqlite);
    for table in POSTGRES_ONLY {
        assert!(declared.remove(table).is_some(), "{table} is not declared");
    }
    compare(&declared, &sqlite_tables());
}

#[test]
fn postgres_has_the_tables_of_schema_rs() {
    compare(&declared(Engine::Postgres), &postgres_tables());
}

fn compare(declared: &Tables, found: &Tables) {
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(declared),
        names(found),
        "table names in src/schema.rs (left) and in the database (right)"
    );
    for (name, table) in declared {
        assert_eq!(table, &found[name], "{name} in src/schema.rs (left) and in the database (right)");
    }
}

/// The engine's name of a SQL type in `src/schema.rs`.
fn sql_type(declared: &str, engine: Engine) -> String {
    let (postgres, sqlite) = match declared {
        "Id" => ("uuid", "BLOB"),
        "Document" => ("json", "TEXT"),
        "Searched" => ("jsonb", "TEXT"),
        "BigInt" => ("bigint", "INTEGER"),
        "SmallInt" => ("smallint", "INTEGER"),
        "Bool" => ("boolean", "INTEGER"),
        "Text" => ("text", "TEXT"),
        "Binary" => ("bytea", "BLOB"),
        other => panic!("no mapping for the SQL type {other}"),
    };
    match engine {
        Engine::Postgres => postgres.to_owned(),
        Engine::Sqlite => sqlite.to_owned(),
    }
}

/// Parses the `table!` blocks. A line in an unknown form causes a panic, so that none is skipped.
fn declared(engine: Engine) -> Tables {
    let source =
        fs::read_to_string(repository_root().join("src/schema.rs")).expect("src/schema.rs can be read");
    let blocks: Vec<_> = source.split("table! {").skip(1).collect();
    let tables: Tables = blocks.iter().map(|block| table(block, engine)).collect();
    assert_eq!(tables.len(), blocks.len(), "a table is declared twice");
    tables
}

fn table(block: &str, engine: Engine) -> (String, Table) {
    let mut lines = block.lines().map(str::trim).filter(|line| {
        !line.is_empty() && !line.starts_with("use ") && !line.starts_with("///") && !line.starts_with("//")
    });
    let head = lines.next().expect("the block is not empty");
    let (name, rest) =
        head.split_once(" (").unwrap_or_else(|| panic!("not the first line of a table: {head}"));
    let keys = rest.strip_suffix(") {").unwrap_or_else(|| panic!("not the first line of a table: {head}"));
    let mut table = Table::default();
    let mut sql_names: BTreeMap<String, String> = BTreeMap::new();
    let mut renamed = None;
    for line in lines.by_ref().take_while(|line| *line != "}") {
        if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            renamed = Some(name.strip_suffix("\"]").expect("the attribute is on one line").to_owned());
            continue;
        }
        let (field, declared) = line
            .strip_suffix(',')
            .and_then(|line| line.split_once(" -> "))
            .unwrap_or_else(|| panic!("not a column: {line}"));
        let inner = declared.strip_prefix("Nullable<").and_then(|rest| rest.strip_suffix('>'));
        let name = renamed.take().unwrap_or_else(|| field.to_owned());
        sql_names.insert(field.to_owned(), name.clone());
        let sql_type = sql_type(inner.unwrap_or(declared), engine);
        table.columns.push(Column { name, sql_type, nullable: inner.is_some() });
    }
    table.key = keys.split(", ").map(|field| sql_names[field].clone()).collect();
    (name.to_owned(), table)
}

fn sqlite_tables() -> Tables {
    let workspace = Workspace::sqlite();
    workspace.migrate();
    tables(workspace.sql().lines(
        "SELECT t.name || ' ' || c.name || ' ' || c.type || ' ' || (c.\"notnull\" = 0) || ' ' || c.pk AS line \
         FROM sqlite_master AS t, pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY t.name, c.cid",
    ))
}

fn postgres_tables() -> Tables {
    let workspace = Workspace::postgres();
    workspace.migrate();
    tables(workspace.sql().lines(
        "SELECT concat_ws(' ', t.relname, c.attname, replace(format_type(c.atttypid, c.atttypmod), ' ', '_'), \
         CASE WHEN c.attnotnull THEN 0 ELSE 1 END, coalesce(array_position(k.indkey::int2[], c.attnum) + 1, 0)) AS line \
         FROM pg_class AS t JOIN pg_attribute AS c ON c.attrelid = t.oid \
         LEFT JOIN pg_index AS k ON k.indrelid = t.oid AND k.indisprimary \
         WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND c.attnum > 0 \
         AND NOT c.attisdropped AND t.relname NOT LIKE '\\_\\_diesel%' ORDER BY t.relname, c.attnum",
    ))
}

/// Parses rows of a table, a column, its type, whether it is nullable, and its position in the primary key from 1 on. The
/// position is 0 for other columns.
fn tables(rows: Vec<String>) -> Tables {
    let mut tables = Tables::new();
    let mut keys: BTreeMap<(String, usize), String> = BTreeMap::new();
    for row in rows {
        let [table, column, sql_type, nullable, position] = row
            .split(' ')
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|_| panic!("not five columns: {row}"));
        let position: usize = position.parse().expect("the position is a number");
        if position > 0 {
            keys.insert((table.to_owned(), position), column.to_owned());
        }
        let nullable = nullable == "1";
        let column = Column { name: column.to_owned(), sql_type: sql_type.to_owned(), nullable };
        tables.entry(table.to_owned()).or_default().columns.push(column);
    }
    for ((table, _), column) in keys {
        tables.entry(table).or_default().key.push(column);
    }
    tables
}

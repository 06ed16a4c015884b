//! Rules for all keys and indexes of the schema.

use crate::migrations::workspace::Workspace;
use std::collections::BTreeSet;

/// The table, the columns and the uniqueness of every index, including those of keys and unique constraints.
type Indexes = BTreeSet<(String, Vec<String>, bool)>;

fn postgres_indexes() -> Indexes {
    let workspace = Workspace::postgres();
    workspace.migrate();
    indexes(workspace.sql().lines(
        "SELECT concat_ws(' ', t.relname, CASE WHEN i.indisunique THEN 1 ELSE 0 END, (\
            SELECT string_agg(c.attname, ',' ORDER BY k.place) \
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) \
            JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum = k.number\
         )) AS line \
         FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid \
         WHERE t.relnamespace = 'public'::regnamespace \
         AND t.relname NOT LIKE '\\_\\_diesel%' AND t.relname <> 'migration_lock'",
    ))
}

fn sqlite_indexes() -> Indexes {
    let workspace = Workspace::sqlite();
    workspace.migrate();
    indexes(workspace.sql().lines(
        "SELECT t.name || ' ' || i.\"unique\" || ' ' || (\
            SELECT group_concat(c.name, ',' ORDER BY c.seqno) FROM pragma_index_info(i.name) AS c\
         ) AS line \
         FROM sqlite_master AS t, pragma_index_list(t.name) AS i \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'",
    ))
}

fn indexes(rows: Vec<String>) -> Indexes {
    let parse = |row: String| {
        let words: Vec<_> = row.split(' ').collect();
        assert_eq!(words.len(), 3, "{row}");
        (words[0].to_owned(), words[2].split(',').map(str::to_owned).collect(), words[1] == "1")
    };
    let count = rows.len();
    let indexes: Indexes = rows.into_iter().map(parse).collect();
    assert_eq!(indexes.len(), count, "two indexes are equal");
    indexes
}

#[test]
fn both_engines_have_the_same_indexes() {
    assert_eq!(postgres_indexes(), sqlite_indexes());
}

/// A query for one tenant must never read the rows of another.
#[test]
fn every_key_and_index_begins_with_the_tenant() {
    let exceptions = BTreeSet::from([
        // Tenants are found by their id and name.
        ("tenants", "id"),
        ("tenants", "name"),
        // Servers, not tenants, hold leases.
        ("leases", "name"),
        // A secret contains its id, and the row found by it names the tenant.
        ("keys", "id"),
        ("connection_tokens", "id"),
        // Retention deletes the old rows of all tenants.
        ("keys", "revoked_at"),
        ("connection_tokens", "revoked_at"),
        ("idempotency", "created_at"),
    ]);
    for indexes in [postgres_indexes(), sqlite_indexes()] {
        let others: BTreeSet<_> = indexes
            .iter()
            .filter(|(_, columns, _)| columns[0] != "tenant_id")
            .map(|(table, columns, _)| (table.as_str(), columns[0].as_str()))
            .collect();
        assert_eq!(others, exceptions);
    }
}

/// No order may depend on a locale, so every text column in a key or an index has the collation "C".
#[test]
fn text_keys_are_compared_bytewise() {
    let workspace = Workspace::postgres();
    workspace.migrate();
    let rows = workspace.sql().lines(
        "SELECT concat_ws(' ', t.relname, c.attname, n.collname, CASE WHEN EXISTS (\
            SELECT 1 FROM pg_index AS i WHERE i.indrelid = t.oid AND c.attnum = ANY (i.indkey::int2[])\
         ) THEN 1 ELSE 0 END) AS line \
         FROM pg_class AS t JOIN pg_attribute AS c ON c.attrelid = t.oid JOIN pg_collation AS n ON n.oid = c.attcollation \
         WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND c.attnum > 0 AND NOT c.attisdropped \
         AND c.atttypid = 'text'::regtype ORDER BY 1",
    );
    let mut keys = BTreeSet::new();
    for row in &rows {
        let words: Vec<_> = row.split(' ').collect();
        let (table, column, collation, indexed) = (words[0], words[1], words[2], words[3] == "1");
        if indexed || is_key(table, column) {
            assert_eq!(collation, "C", "{table}.{column}");
            keys.insert((table, column));
        }
    }
    // Makes sure that the query has found the keys.
    for known in [
        ("tenants", "name"),
        ("users", "user_name_key"),
        ("users", "display_name_key"),
        ("user_emails", "value_key"),
        ("user_external_ids", "source"),
        ("user_external_ids", "external_id"),
        ("groups", "display_name_key"),
        ("groups", "unique_name_key"),
        ("group_external_ids", "source"),
        ("group_external_ids", "external_id"),
        ("idempotency", "caller"),
        ("idempotency", "method"),
        ("idempotency", "path"),
        ("idempotency", "idempotency_key"),
        ("leases", "name"),
    ] {
        assert!(keys.contains(&known), "{known:?} was not checked");
    }
}

fn is_key(table: &str, column: &str) -> bool {
    column.ends_with("_key")
        || matches!(column, "external_id" | "source")
        || (table, column) == ("tenants", "name")
}

//! Translates comparisons with values in `custom` to SQL. The comparisons read the stored document, which no index
//! covers.
//!
//! The JSON text of a stored value is exactly the text that `serde_json` writes, so equal scalars have equal texts.

use super::conn::Dialect;
use super::filter_sql::ends;
use super::sql::Fragment;
use crate::domain::filter::{CustomTest, NumberOrder, Test, Value};

/// The condition that a value in `custom` passes the test. The names in the path come from the request.
pub(super) fn matches(
    path: &[String],
    test: &CustomTest,
    document: &'static str,
    dialect: Dialect,
) -> Fragment {
    let mut out = Fragment::default();
    out.unprepared();
    if *test == CustomTest::Present {
        append_value(&mut out, path, document, dialect);
        out.sql(if dialect == Dialect::Postgres { "::text" } else { "" });
        out.sql(" NOT IN ('null', '\"\"', '[]', '{}')");
        return out;
    }
    out.sql("EXISTS (SELECT 1 FROM ");
    append_elements(&mut out, path, document, dialect);
    append_test(&mut out, test, document, dialect);
    out.sql(")");
    out
}

/// The value as JSON. On PostgreSQL, `->` with text finds only members of objects, never elements of lists.
fn append_value(out: &mut Fragment, path: &[String], document: &'static str, dialect: Dialect) {
    out.sql("(").sql(document);
    match dialect {
        Dialect::Postgres => {
            out.sql(" -> 'attributes' -> 'custom'");
            for name in path {
                out.sql(" -> ").value(Value::Text(name.clone()));
            }
        }
        Dialect::Sqlite => {
            out.sql(" -> ").value(Value::Text(sqlite_path(path)));
        }
    }
    out.sql(")");
}

/// The table `element`, followed by WHERE. It contains the elements if the value is a list, otherwise the value itself.
fn append_elements(out: &mut Fragment, path: &[String], document: &'static str, dialect: Dialect) {
    match dialect {
        Dialect::Postgres => {
            out.sql("json_array_elements(CASE json_typeof(");
            append_value(out, path, document, dialect);
            out.sql(") WHEN 'array' THEN ");
            append_value(out, path, document, dialect);
            out.sql(" ELSE json_build_array(");
            append_value(out, path, document, dialect);
            out.sql(") END) AS element (value) WHERE ");
        }
        Dialect::Sqlite => {
            // `json_each` would yield the members of an object.
            let path = Value::Text(sqlite_path(path));
            out.sql("json_each(")
                .sql(document)
                .sql(", ")
                .value(path.clone())
                .sql(") AS element WHERE json_type(");
            out.sql(document).sql(", ").value(path).sql(") <> 'object' AND ");
        }
    }
}

/// A path with quoted names, which contain neither quotes nor backslashes.
fn sqlite_path(path: &[String]) -> String {
    let names: String = path.iter().map(|name| format!(".\"{name}\"")).collect();
    format!("$.attributes.custom{names}")
}

fn append_test(out: &mut Fragment, test: &CustomTest, document: &'static str, dialect: Dialect) {
    match test {
        CustomTest::Present => {}
        CustomTest::Equal(text) => append_equal(out, text, document, dialect),
        CustomTest::Text(test) => {
            append_typed(out, dialect, "string", |out| append_text_test(out, test, dialect))
        }
        CustomTest::Number(NumberOrder { is_greater, or_equal, operand }) => {
            out.sql("(");
            append_typed(out, dialect, "number", |out| {
                append_number(out, dialect);
                out.sql(if *is_greater { " > " } else { " < " }).float(*operand);
            });
            if let Some(text) = or_equal {
                out.sql(" OR ");
                append_equal(out, text, document, dialect);
            }
            out.sql(")");
        }
    }
}

fn append_equal(out: &mut Fragment, text: &str, document: &'static str, dialect: Dialect) {
    match dialect {
        Dialect::Postgres => out.sql("element.value::text"),
        Dialect::Sqlite => out.sql("(").sql(document).sql(" -> element.fullkey)"),
    };
    out.sql(" = ").value(Value::Text(text.to_owned()));
}

/// A condition on an element of a type. PostgreSQL evaluates the condition only for values of this type, because
/// converting another value would fail.
fn append_typed(
    out: &mut Fragment,
    dialect: Dialect,
    kind: &'static str,
    condition: impl FnOnce(&mut Fragment),
) {
    match (dialect, kind) {
        (Dialect::Postgres, _) => {
            out.sql("CASE WHEN json_typeof(element.value) = '").sql(kind).sql("' THEN ")
        }
        (Dialect::Sqlite, "number") => out.sql("CASE WHEN element.type IN ('integer', 'real') THEN "),
        (Dialect::Sqlite, _) => out.sql("CASE WHEN element.type = 'text' THEN "),
    };
    condition(out);
    out.sql(" END");
}

/// The value as a 64-bit floating-point number, as which numbers are ordered.
fn append_number(out: &mut Fragment, dialect: Dialect) {
    out.sql(match dialect {
        Dialect::Postgres => "(element.value #>> '{}')::double precision",
        Dialect::Sqlite => "CAST(element.value AS REAL)",
    });
}

fn append_text_test(out: &mut Fragment, test: &Test, dialect: Dialect) {
    let text = match dialect {
        Dialect::Postgres => "((element.value #>> '{}') COLLATE \"C\")",
        Dialect::Sqlite => "element.value",
    };
    match test {
        Test::Contains(part) => {
            out.sql(if dialect == Dialect::Postgres { "strpos(" } else { "instr(" }).sql(text);
            out.sql(", ").value(Value::Text(part.clone())).sql(") > 0");
        }
        Test::EndsWith(end) => {
            let end = Value::Text(end.clone());
            out.sql(if dialect == Dialect::Postgres { "right(" } else { "substr(" }).sql(text);
            out.sql(if dialect == Dialect::Postgres { ", length(" } else { ", -length(" });
            out.value(end.clone()).sql(")) = ").value(end);
        }
        Test::Within(from, to) => {
            out.sql("(TRUE");
            for (operator, value) in ends(from, to) {
                out.sql(" AND ").sql(text).sql(operator).value(value.clone());
            }
            out.sql(")");
        }
        Test::Equal(value) => {
            out.sql(text).sql(" = ").value(value.clone());
        }
        Test::Present | Test::Never => {
            out.sql("FALSE");
        }
    }
}

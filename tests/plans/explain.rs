//! Explains the statements that Roster sends to a database.

use crate::support::statements;
use diesel::prelude::*;
use diesel::sql_types::Text;
use roster::db::{Class, Connection, Operation, Tx};
use roster::ops::OpError;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The separator that Diesel prints between a statement and its values.
const BINDS: &str = " -- binds: ";

/// The URL of the database whose statements are recorded. The tests of plans run one after another.
static URL: Mutex<String> = Mutex::new(String::new());

fn url() -> MutexGuard<'static, String> {
    URL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records every statement, with its values, on the connections that are opened to `url` from now on.
pub(crate) fn record(of: &str) {
    of.clone_into(&mut url());
    statements::record(of);
}

/// Forgets the statements recorded so far.
pub(crate) fn forget_statements() {
    statements::take(&url());
}

/// Takes the statements recorded since the last call. There must be some: a test of no plans would always pass.
pub(crate) fn take_statements() -> Vec<String> {
    let mut statements = statements::take(&url());
    // Statements that begin or end a transaction have no plan, and a pool's health check has no values.
    let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    let has_plan = |statement: &String| verbs.iter().any(|verb| statement.starts_with(verb));
    statements.retain(|statement| has_plan(statement) && statement.contains(BINDS));
    assert!(!statements.is_empty(), "no statement was recorded");
    statements
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    #[diesel(column_name = "detail")]
    sqlite: String,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    #[diesel(column_name = "QUERY PLAN")]
    postgres: String,
}

/// Explains a recorded statement on a connection of the same kind.
pub(crate) struct Explain(pub(crate) String);

impl Operation for Explain {
    /// The steps of the plan.
    type Output = Vec<String>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<String>, OpError> {
        Ok(match tx.connection() {
            Connection::Postgres(c) => {
                let explain =
                    format!("EXPLAIN {}", with_values(&self.0, "$", |hex| format!("'{hex}'::uuid")));
                let lines: Vec<Line> = diesel::sql_query(explain).load(c)?;
                lines.into_iter().map(|line| line.postgres.trim().to_owned()).collect()
            }
            Connection::Sqlite(c) => {
                let explain =
                    format!("EXPLAIN QUERY PLAN {}", with_values(&self.0, "?", |hex| format!("x'{hex}'")));
                let steps: Vec<Step> = diesel::sql_query(explain).load(c)?;
                steps.into_iter().map(|step| step.sqlite).collect()
            }
        })
    }
}

/// Inserts the values that Diesel printed in place of the placeholders, which begin with `sign`.
fn with_values(statement: &str, sign: &str, id: impl Fn(&str) -> String) -> String {
    let (sql, binds) = statement.rsplit_once(BINDS).expect("Diesel prints the values of the statement");
    let values = values(binds, &id);
    let mut text = String::new();
    let mut rest = sql;
    let mut used = 0;
    while let Some((before, after)) = rest.split_once(sign) {
        text.push_str(before);
        text.push_str(&values[used]);
        used += 1;
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    assert_eq!(used, values.len(), "{statement}");
    text + rest
}

/// Converts a list of values in Rust's debug format to SQL.
fn values(binds: &str, id: &impl Fn(&str) -> String) -> Vec<String> {
    let mut rest =
        binds.strip_prefix('[').and_then(|binds| binds.strip_suffix(']')).expect("the values are a list");
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (value, after) = first_value(rest, id);
        values.push(value);
        rest = after.trim_start_matches(", ");
    }
    values
}

/// The first value of a list as SQL, and the rest of the list.
fn first_value<'b>(text: &'b str, id: &impl Fn(&str) -> String) -> (String, &'b str) {
    if let Some(rest) = text.strip_prefix("Uid(") {
        let (uuid, rest) = rest.split_once(')').expect("the id has a closing parenthesis");
        return (id(&uuid.replace('-', "")), rest);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (list, rest) = rest.split_once(']').expect("the list has a closing bracket");
        return (format!("ARRAY[{}]", values(&format!("[{list}]"), id).join(", ")), rest);
    }
    if text.starts_with('"') {
        let mut texts = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let value = texts.next().unwrap().expect("the debug format of the text is JSON as well");
        return (format!("'{}'", value.replace('\'', "''")), &text[texts.byte_offset()..]);
    }
    let (plain, rest) = text.split_at(text.find(", ").unwrap_or(text.len()));
    (plain.to_owned(), rest)
}

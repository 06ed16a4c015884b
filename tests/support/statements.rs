//! Records the statements that Roster sends to a database.

use diesel::connection::{Instrumentation, InstrumentationEvent};
use std::collections::HashMap;
use std::mem;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The statements by database. A database is named by the part of its URL between the scheme and the parameters, because
/// Roster opens it with other parameters.
type Statements = HashMap<String, Vec<String>>;

fn recorded() -> MutexGuard<'static, Statements> {
    static RECORDED: LazyLock<Mutex<Statements>> = LazyLock::new(Mutex::default);
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(url: &str) -> &str {
    url.rsplit("://").next().and_then(|rest| rest.split('?').next()).unwrap()
}

/// Records every statement, with its values, on the connections that are opened to `url` from now on.
pub(crate) fn record(url: &str) {
    recorded().insert(place(url).to_owned(), Vec::new());
    diesel::connection::set_default_instrumentation(|| Some(Box::<Recorder>::default())).unwrap();
}

/// Takes the statements recorded since the last call.
pub(crate) fn take(url: &str) -> Vec<String> {
    mem::take(recorded().get_mut(place(url)).expect("the database is recorded"))
}

/// Records the statements of one connection.
#[derive(Default)]
struct Recorder {
    /// The database of the connection, if its statements are recorded.
    place: Option<String>,
}

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                self.place = recorded().keys().find(|place| url.contains(*place)).cloned();
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                if let Some(place) = &self.place {
                    let statement = query.to_string();
                    recorded().entry(place.clone()).or_default().push(statement);
                }
            }
            _ => {}
        }
    }
}

//! The first operator key, which the server creates when it is started on a terminal.

use crate::clock::Clock;
use crate::console;
use crate::db::Database;
use crate::domain::DEFAULT_TENANT;
use crate::domain::key::{Draft, Role, Secret};
use crate::domain::origin::Origin;
use crate::error::AppError;
use crate::ops::keys::OperatorExists;
use std::io::{IsTerminal, Write};

/// If no operator key exists, creates and shows one when running on a terminal, and otherwise logs how to create one.
/// `url` is the server's address for clients on this machine.
pub(crate) async fn create(database: &Database, clock: &Clock, url: &str) {
    if !matches!(database.call(&Origin::server(), OperatorExists).await, Ok(false)) {
        return;
    }
    if !std::io::stdout().is_terminal() {
        log::warn!(
            "no valid operator key exists: run `roster key create --role operator`, or set ROSTER_ADMIN_KEY"
        );
        return;
    }
    if let Err(error) = create_and_show(database, clock, url).await {
        log::error!("cannot create the first key: {error}");
    }
}

async fn create_and_show(database: &Database, clock: &Clock, url: &str) -> Result<(), AppError> {
    let draft = Draft { name: Some("first".to_owned()), role: Role::Operator, expires_at: None };
    let secret = console::create_key(database, DEFAULT_TENANT, draft, clock.now()).await?;
    write!(std::io::stdout(), "{}", introduction(&secret, url))
        .map_err(|error| AppError::new(format!("cannot show the key {}: {error}", secret.id())))
}

/// The text that shows the key in a frame, followed by the first commands to try in a second terminal.
fn introduction(secret: &Secret, url: &str) -> String {
    let key = secret.reveal();
    let title = "Your operator key. It has full access and is not shown again:";
    let width = key.chars().count().max(title.chars().count());
    let line = "─".repeat(width + 2);
    format!(
        "\n┌{line}┐\n│ {title:<width$} │\n│ {key:<width$} │\n└{line}┘\n\n\
         In another terminal, set the address and the key, and list the users:\n\n  \
         export URL={url} KEY={key}\n  \
         curl --fail-with-body \"$URL/users\" -H \"Authorization: Bearer $KEY\"\n\n\
         The API is described at {url}/docs\n\n"
    )
}

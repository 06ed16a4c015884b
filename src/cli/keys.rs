//! `roster key`: manages keys directly in the database.

use super::database::{tenant_named, with_database};
use super::print;
use crate::clock::Clock;
use crate::config::Settings;
use crate::console::{create_key, origin};
use crate::db::{Database, migrate};
use crate::domain::condition::Conditions;
use crate::domain::key::{Draft, Key, Role};
use crate::domain::tenant::{DEFAULT_NAME, Tenant};
use crate::domain::time::Timestamp;
use crate::error::AppError;
use crate::ops::{OpError, PageQuery, keys, records};
use clap::Subcommand;
use serde_json::json;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write;
use std::time::Duration;
use uuid::Uuid;

/// The actions of `roster key`.
#[derive(Subcommand, Debug)]
pub(super) enum KeyCommand {
    /// Creates a key and prints its secret, which is not shown again
    Create {
        /// Role of the key: reader, writer, admin or operator
        #[arg(long)]
        role: Role,
        /// Name of the tenant that the key belongs to
        #[arg(long, default_value = DEFAULT_NAME)]
        tenant: String,
        /// Display name of the key
        #[arg(long)]
        name: Option<String>,
        /// Lifetime, for example 90d; without it, the key does not expire
        #[arg(long, value_parser = lifetime)]
        expires: Option<Duration>,
        /// Creates the database if it does not exist, and applies pending migrations
        #[arg(long)]
        init: bool,
    },
    /// Lists keys without their secrets
    List {
        /// Lists only the keys of the tenant with this name
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Revokes a key permanently
    Revoke {
        /// Id of the key
        id: Uuid,
    },
}

/// Runs the command.
pub(super) fn run(settings: &Settings, command: KeyCommand) -> Result<(), AppError> {
    let url = &settings.database_url;
    match command {
        KeyCommand::Create { init: true, .. } => drop(migrate::run(url).map_err(AppError::new)?),
        KeyCommand::Create { .. } if url.is_missing() => {
            return Err(AppError::new(format!(
                "the database {url} does not exist: add `--init` to create it"
            )));
        }
        _ => {}
    }
    with_database(settings, async |database| execute(database, command).await)
}

fn lifetime(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(lifetime) if lifetime.is_zero() => Err("must be longer than 0 seconds"),
        lifetime => lifetime.map_err(|_| "must be a duration with a unit, such as 12h or 90d"),
    }
}

async fn execute(database: &Database, command: KeyCommand) -> Result<(), AppError> {
    match command {
        KeyCommand::Create { role, tenant, name, expires, init: _ } => {
            let now = Clock::system().now();
            let expires_at = expires.map(|lifetime| now.plus(lifetime));
            let tenant = tenant_named(database, tenant).await?;
            let draft = draft(name, role, expires_at, now)?;
            let secret = create_key(database, tenant, draft, now).await?;
            writeln!(std::io::stdout(), "{}", secret.reveal()).map_err(|error| {
                AppError::new(format!("cannot print the secret; revoke the key {}: {error}", secret.id()))
            })?;
        }
        KeyCommand::List { tenant } => list(database, tenant).await?,
        KeyCommand::Revoke { id } => {
            let (conditions, now) = (Conditions::default(), Clock::system().now());
            let scope = keys::Scope { tenant: None, role: Role::Operator };
            let delete = records::Delete::<Key> { scope, id, conditions, now };
            match database.call(&origin(), delete).await {
                Err(OpError::NotFound) => return Err(AppError::new(format!("the key {id} does not exist"))),
                done => done.map_err(AppError::new)?,
            }
        }
    }
    Ok(())
}

/// Validates the arguments with the rules of `POST /keys`.
fn draft(
    name: Option<String>,
    role: Role,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Draft, AppError> {
    let body = json!({ "name": name, "role": role.to_string(), "expiresAt": expires_at });
    let option = |pointer: &str| match pointer {
        "/expiresAt" => "--expires".to_owned(),
        pointer => pointer.replacen('/', "--", 1),
    };
    Draft::read(body, now).map_err(|errors| {
        let errors: Vec<_> =
            errors.iter().map(|error| format!("{} {}", option(&error.pointer), error.detail)).collect();
        AppError::new(errors.join(", "))
    })
}

async fn list(database: &Database, tenant: Option<String>) -> Result<(), AppError> {
    let tenant = match tenant {
        Some(name) => Some(tenant_named(database, name).await?),
        None => None,
    };
    let mut names = HashMap::new();
    let mut after = None;
    print(
        "ID                                    ROLE      TENANT            CREATED                      EXPIRES                      LAST USED                    REVOKED                      NAME\n",
    );
    loop {
        let scope = keys::Scope { tenant, role: Role::Operator };
        let page = PageQuery { after, limit: 500, total: false };
        let page = database
            .call(&origin(), records::List::<Key> { scope, filter: None, page })
            .await
            .map_err(AppError::new)?;
        for key in &page.items {
            let name = match names.entry(key.tenant) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let find = records::Find::<Tenant> { scope: (), id: key.tenant };
                    unknown.insert(database.call(&origin(), find).await.map_err(AppError::new)?.name)
                }
            };
            print(&line(key, name));
        }
        after = page.items.last().filter(|_| page.more).map(|key| key.id);
        if after.is_none() {
            return Ok(());
        }
    }
}

fn line(key: &Key, tenant: &str) -> String {
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let (created, expires, used) = (key.created_at, time(key.expires_at), time(key.last_used_at));
    let revoked = time(key.revoked_at);
    let name = key.name.as_deref().unwrap_or("-").escape_debug();
    let role = key.role.to_string();
    format!(
        "{}  {role:<8}  {tenant:<16}  {created:<27}  {expires:<27}  {used:<27}  {revoked:<27}  {name}\n",
        key.id
    )
}

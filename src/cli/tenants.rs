//! `roster tenant`: manages tenants directly in the database.

use super::database::with_database;
use super::print;
use crate::clock::Clock;
use crate::config::Settings;
use crate::console::origin;
use crate::db::Database;
use crate::domain::tenant::{Draft, Tenant};
use crate::error::AppError;
use crate::ops::{OpError, PageQuery, records, tenants};
use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

/// The actions of `roster tenant`.
#[derive(Subcommand, Debug)]
pub(super) enum TenantCommand {
    /// Creates a tenant and prints its id
    Create {
        /// Name of the tenant: 1 to 63 characters of a-z, 0-9 and -
        name: String,
    },
    /// Lists all tenants
    List,
}

/// Number of tenants per transaction.
const BATCH: usize = 500;

/// Runs the command.
pub(super) fn run(settings: &Settings, command: TenantCommand) -> Result<(), AppError> {
    with_database(settings, async |database| match command {
        TenantCommand::Create { name } => create(database, name).await,
        TenantCommand::List => list(database).await,
    })
}

/// Validates the name with the rules of `POST /tenants`.
async fn create(database: &Database, name: String) -> Result<(), AppError> {
    let draft = Draft::read(json!({ "name": name })).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(|error| format!("the name {}", error.detail)).collect();
        AppError::new(errors.join(", "))
    })?;
    let (id, now) = (Uuid::now_v7(), Clock::system().now());
    let create = tenants::Create { id, fixed: Uuid::new_v4(), draft, now };
    match database.call(&origin(), create).await {
        Ok(tenant) => print(&format!("{}\n", tenant.id)),
        Err(OpError::Conflict { .. }) => {
            return Err(AppError::new(format!("the tenant '{name}' already exists")));
        }
        Err(error) => return Err(AppError::new(error)),
    }
    Ok(())
}

async fn list(database: &Database) -> Result<(), AppError> {
    let mut after = None;
    print("ID                                    CREATED                      NAME\n");
    loop {
        let page = PageQuery { after, limit: BATCH, total: false };
        let list = records::List::<Tenant> { scope: (), filter: None, page };
        let page = database.call(&origin(), list).await.map_err(AppError::new)?;
        for Tenant { id, created_at, name, .. } in &page.items {
            print(&format!("{id}  {created_at:<27}  {name}\n"));
        }
        after = page.items.last().filter(|_| page.more).map(|tenant| tenant.id);
        if after.is_none() {
            return Ok(());
        }
    }
}

//! The body of a request to revert changes.

use super::{Author, Selection};
use crate::domain::fields::{FieldError, Fields};
use crate::domain::origin::ActorKind;
use serde_json::Value;

/// A request to revert changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevertRequest {
    /// The changes.
    pub selection: Selection,
    /// The newest revision of the plan to apply; `None` asks for a plan.
    pub head: Option<i64>,
}

impl RevertRequest {
    /// Reads `{"after":…,"until":…,"actor":{"type":…,"id":…},"plan":…,"head":…}`. Without `plan`, the request asks for one.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        Fields::read(body, |fields| {
            let (after, until) = (required_revision(fields, "after"), required_revision(fields, "until"));
            if after.zip(until).is_some_and(|(after, until)| after >= until) {
                fields.error("until", "invalid-range", "must be greater than `after`");
            }
            fields.require("actor");
            let actor = fields.object("actor", read_actor);
            let plan = fields.boolean("plan").unwrap_or(true);
            let head = match plan {
                true => revision(fields, "head"),
                false => required_revision(fields, "head"),
            };
            let selection =
                Selection { after: after.unwrap_or_default(), until: until.unwrap_or_default(), actor };
            Self { selection, head: head.filter(|_| !plan) }
        })
    }
}

fn read_actor(actor: &mut Fields<'_>) -> Author {
    actor.require("type");
    let kind = actor.string("type").unwrap_or_default();
    let is_known = kind.parse().is_ok_and(|kind: ActorKind| kind != ActorKind::Server);
    if !kind.is_empty() && !is_known {
        actor.error("type", "unknown-actor", "must be `key`, `connection`, `admin` or `cli`");
    }
    actor.require("id");
    Author { kind, id: actor.key_string("id").unwrap_or_default() }
}

fn required_revision(fields: &mut Fields<'_>, name: &str) -> Option<i64> {
    fields.require(name);
    revision(fields, name)
}

fn revision(fields: &mut Fields<'_>, name: &str) -> Option<i64> {
    let value = fields.take(name)?;
    let revision = value.as_i64().filter(|revision| *revision >= 0);
    if revision.is_none() {
        let _: Option<()> = fields.wrong_type(name, "a revision, which is a whole number", &value);
    }
    revision
}

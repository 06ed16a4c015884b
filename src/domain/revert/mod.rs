//! Reverts: undoing what one actor did in a range of revisions, without undoing what others did later.
//!
//! This module decides what to do with each user, group and membership: [`Trail`] for users and groups, [`MemberTrail`] for
//! memberships, and [`settle`] for values that must be unique.

mod decision;
mod member;
mod request;
#[cfg(test)]
mod tests;
mod trail;
mod unique;
mod writes;

pub use decision::{Claim, Decision, Step};
pub use member::MemberTrail;
pub use request::RevertRequest;
pub use trail::{Fact, Trail, merge, source_of};
pub use unique::{Claimant, Owners, settle};

use serde::Serialize;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The maximum number of changes that a request can revert.
pub const MAX_CHANGES: usize = 10_000;

/// A caller, as changes record it. A newer release may have recorded a type that this one does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Author {
    /// The type, for example `connection`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id within the type.
    pub id: String,
}

/// The changes to revert: those of one actor in a range of revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The revision before the first one.
    pub after: i64,
    /// The last revision.
    pub until: i64,
    /// The actor.
    pub actor: Author,
}

impl Selection {
    /// How a change after the start of the range counts. `reverts` are the revisions that it undoes, if a revert made it.
    #[must_use]
    pub fn role(&self, revision: i64, author: Author, reverts: Option<Vec<i64>>) -> Role {
        let is_own = author == self.actor;
        match reverts {
            _ if is_own && revision <= self.until => Role::Selected,
            // What is older than the range counts as its state.
            Some(reverts) if reverts.iter().any(|revision| *revision > self.after) => Role::Undo(reverts),
            _ if is_own => Role::Later(author),
            _ => Role::Other(author),
        }
    }
}

/// How a change counts in a revert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is to be undone.
    Selected,
    /// A revert made it, to undo the changes with these revisions. It does not count, and neither do they.
    Undo(Vec<i64>),
    /// The actor made it after the range. It counts as a change by somebody else.
    Later(Author),
    /// Somebody else made it.
    Other(Author),
}

/// A user, a group or a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "resource", rename_all = "lowercase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Target {
    User { id: Uuid },
    Group { id: Uuid },
    Member { group_id: Uuid, user_id: Uuid },
}

/// What a revert does with one user, group or membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The user, group or membership.
    #[serde(flatten)]
    pub target: Target,
    /// What is done.
    pub outcome: Step,
    /// The attributes that an update sets, in the form of [`Conflict::attribute`].
    pub attributes: Vec<String>,
    /// The revisions that are undone.
    pub reverts: BTreeSet<i64>,
}

/// A change of the actor that is not undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The top-level attribute, or `externalIds.<source>`. `None` concerns the whole resource or the membership.
    pub attribute: Option<String>,
    /// The reason.
    pub reason: Reason,
    /// The revision of the change by somebody else that is kept.
    pub revision: Option<i64>,
    /// The actor who made that change.
    pub actor: Option<Author>,
    /// The id of the resource that has the value.
    pub existing_id: Option<Uuid>,
}

/// The reason for not undoing a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody else wrote the attribute or the membership later, or something that belongs to the created resource.
    Changed,
    /// Somebody else deleted the resource later.
    Deleted,
    /// Somebody else deleted the resource later and created it again.
    Recreated,
    /// Another resource has the unique value.
    Taken,
    /// The values were erased.
    Erased,
    /// The user or the group of the membership does not exist.
    Missing,
    /// Changes that are needed are not retained any more.
    NotRetained,
    /// The user or group would be too large.
    TooLarge,
    /// The database did not finish in time.
    Timeout,
}

/// A change that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The revision.
    pub revision: i64,
    /// The actor.
    pub author: Author,
}

impl Conflict {
    /// A conflict without a later change.
    #[must_use]
    pub fn of(attribute: Option<String>, reason: Reason) -> Self {
        Self { attribute, reason, revision: None, actor: None, existing_id: None }
    }

    /// A conflict with a later change.
    #[must_use]
    pub fn with(attribute: Option<String>, reason: Reason, later: &Write) -> Self {
        let Write { revision, author } = later.clone();
        Self { revision: Some(revision), actor: Some(author), ..Self::of(attribute, reason) }
    }
}

//! The types of resources that an import writes, through the operations of the API.

use super::Apply;
use crate::db::{Operation as _, Tx};
use crate::domain::body::WriteMode;
use crate::domain::fields::FieldError;
use crate::domain::group::{self, Group};
use crate::domain::import::Values;
use crate::domain::user::{self, User};
use crate::ops::OpError;
use crate::ops::resource::Resource;
use crate::ops::users;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A type of resource that is imported.
pub(super) trait Imported: Resource {
    fn read(body: Value, mode: WriteMode) -> Result<Self::Draft, Vec<FieldError>>;

    fn representation(&self) -> impl Serialize;

    fn set_external_ids(draft: &mut Self::Draft, external_ids: Option<BTreeMap<String, String>>);

    /// The resource with the values of a draft.
    fn with(&self, draft: Self::Draft) -> Self;

    /// Creates resources, all or none.
    fn insert_all(tx: &mut Tx<'_>, apply: &Apply, drafts: Vec<(Uuid, Self::Draft)>) -> Result<(), OpError>;

    /// The draft of a line, for a new resource or over a stored one.
    fn draft(values: &Values, stored: Option<&Self>) -> Result<Self::Draft, Vec<FieldError>> {
        let mut draft = match stored {
            None => values.create(|body| Self::read(body, WriteMode::Create))?,
            Some(stored) => {
                let mode = WriteMode::Patch(stored.stamp().id);
                values.update(&stored.representation(), |body| Self::read(body, mode))?
            }
        };
        Self::set_external_ids(&mut draft, values.external_ids.clone());
        Ok(draft)
    }
}

impl Imported for User {
    fn read(body: Value, mode: WriteMode) -> Result<user::Draft, Vec<FieldError>> {
        user::Draft::read(body, mode)
    }

    fn representation(&self) -> impl Serialize {
        user::Representation::from(self)
    }

    fn set_external_ids(draft: &mut user::Draft, external_ids: Option<BTreeMap<String, String>>) {
        draft.external_ids = external_ids;
    }

    fn with(&self, draft: user::Draft) -> Self {
        self.with(draft)
    }

    /// Uses one statement on PostgreSQL.
    fn insert_all(tx: &mut Tx<'_>, apply: &Apply, drafts: Vec<(Uuid, user::Draft)>) -> Result<(), OpError> {
        let (tenant, now) = (apply.tenant, apply.now);
        let creates: Vec<_> =
            drafts.into_iter().map(|(id, draft)| users::Create { tenant, id, draft, now }).collect();
        match &creates[..] {
            [] => Ok(()),
            creates => users::Create::run_batch(&creates.iter().collect::<Vec<_>>(), tx)?
                .into_iter()
                .try_for_each(|created| created.map(drop)),
        }
    }
}

impl Imported for Group {
    fn read(body: Value, mode: WriteMode) -> Result<group::Draft, Vec<FieldError>> {
        group::Draft::read(body, mode)
    }

    fn representation(&self) -> impl Serialize {
        group::Representation::from(self)
    }

    fn set_external_ids(draft: &mut group::Draft, external_ids: Option<BTreeMap<String, String>>) {
        draft.external_ids = external_ids;
    }

    fn with(&self, draft: group::Draft) -> Self {
        self.with(draft)
    }

    fn insert_all(tx: &mut Tx<'_>, apply: &Apply, drafts: Vec<(Uuid, group::Draft)>) -> Result<(), OpError> {
        drafts
            .into_iter()
            .try_for_each(|(id, draft)| Self::insert(tx, apply.tenant, id, draft, apply.now).map(drop))
    }
}

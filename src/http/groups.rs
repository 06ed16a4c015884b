//! `/groups`, and the groups of a user.

use super::context::{Context, Reader, Writer, new_id};
use super::history;
use super::openapi::{OperationDocs, ResourceDocs, examples};
use super::pages::IdList;
use super::params::Params;
use super::path::{PathId, Target};
use super::resources::{Docs, Native, Write};
use super::response::{Projected, Response, no_content, write_json};
use crate::db::Operation;
use crate::domain::body::WriteMode;
use crate::domain::fields::FieldError;
use crate::domain::group::{Draft, Group, Representation};
use crate::domain::member::MembershipEdit;
use crate::domain::schema::GROUPS;
use crate::domain::time::Timestamp;
use crate::ops::groups::{Create, Delete};
use crate::ops::members::ListGroups;
use crate::ops::resource::UniqueKey;
use crate::ops::{self, OpError};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use uuid::Uuid;

impl Native for Group {
    const PATH: &'static str = "/groups";
    type Stored = Self;
    const HAS_GROUPS: bool = false;
    const DOCS: Docs = Docs {
        resource: ResourceDocs { name: "Group", tag: "groups", example: examples::group },
        query: ["groupFilter", "groupSort"],
        matched: "groupMatch",
        projection: ["groupAttributes", "groupExcludedAttributes"],
        include: ("include", &["includeInGroup"]),
        new: examples::new_group,
        replace: Some("The members do not change."),
        patch: || json!({ "displayName": "Engineers" }),
        links: &["listMembers", "addMembers", "listGroupChanges"],
    };

    const MEMBERSHIPS: [&'static str; 2] = ["members", "missingMembers"];
    const MATCHED: &'static [UniqueKey] = &[UniqueKey::ExternalId];

    fn representation(&self) -> impl Serialize {
        Representation::from(self)
    }

    fn external_ids(&self) -> &BTreeMap<String, String> {
        &self.external_ids
    }

    fn draft(body: Value, mode: WriteMode) -> Result<Draft, Vec<FieldError>> {
        Draft::read(body, mode)
    }

    fn create(tenant: Uuid, draft: Draft, now: Timestamp) -> impl Operation<Output = Self, Error = OpError> {
        Create { tenant, id: new_id(now), draft, members: MembershipEdit::default(), now }
    }
}

impl Write for Group {
    fn version(&self) -> i64 {
        self.version
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        write_json(out, &self.representation())
    }
}

/// `DELETE /groups/{id}`
pub(super) async fn delete(context: Context<Writer>, Target { id, conditions }: Target) -> Response {
    let (tenant, now) = (context.tenant(), context.now());
    context.call(Delete { tenant, id, conditions, now, of: PhantomData }).await?;
    Ok(no_content())
}

pub(super) fn delete_docs() -> OperationDocs {
    Group::DOCS.resource.delete("Delete a group", &[])
}

/// `GET /users/{id}/groups`
pub(super) async fn list_of_user(
    context: Context<Reader>,
    PathId(user): PathId,
    mut params: Params,
) -> Response {
    params.suggest_search(&GROUPS, format!("/groups?filter=members.value eq \"{user}\" and "));
    let projection = params.projection(&GROUPS, false)?;
    let at = params.at()?;
    let list = IdList::of(params, history::list(context.tenant(), "groups of a user", user, at))?;
    let _permit = context.permit_to_read().await?;
    let page = match at.map(|at| context.moment(at)) {
        Some(moment) => context.call(ops::history::ListGroups { moment, user, page: list.page }).await?,
        None => context.call(ListGroups { tenant: context.tenant(), user, page: list.page }).await?,
    };
    let represent = |group| Projected { whole: Representation::from(group), projection: &projection };
    list.respond(&format!("/users/{user}/groups"), &page, |group| group.id, represent)
}

pub(super) fn list_of_user_docs() -> OperationDocs {
    let parameters = [&["id", "limit", "cursor", "include", "at"][..], &Group::DOCS.projection].concat();
    let example = examples::page("groups", examples::group());
    OperationDocs::keyed("listGroupsOfUser", "groups", "List the groups of a user", &parameters)
        .json(200, "A page of groups.", &["Link"], "GroupPage", &example)
        .errors(&[410])
}

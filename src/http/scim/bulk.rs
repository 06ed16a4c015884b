//! `/Bulk` (RFC 7644, section 3.7): many requests in one, each carried out as if it came alone. Nothing binds them
//! together but the ids of what they create, which are known before it is there.

use super::context::{Context, Writing};
use super::limits::MAX_OPERATIONS;
use super::openapi::{BODIES, BODY, examples, json_of, keyed};
use super::resources::{Request, Showing};
use super::response::{Done, json, message};
use crate::domain::condition::{Conditions, Tags};
use crate::domain::parse_id;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::resource::etag;
use crate::domain::scim::{Profile, ResourceType, ScimError, ScimType, check_message, urn};
use crate::http::body::JsonBody;
use crate::http::openapi::OperationDocs;
use crate::http::problem::Problem;
use actix_web::HttpResponse;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// `POST /Bulk`
pub(super) async fn bulk(Writing(context): Writing, body: JsonBody) -> Result<HttpResponse, Problem> {
    let (operations, fail_on_errors) = read(body.read(Ok)?, context.profile())?;
    let answers = Bulk::new(&context, operations)?.carry_out(fail_on_errors).await;
    Ok(json(&message(urn::BULK_RESPONSE, [("Operations", answers.into())])))
}

pub(super) fn bulk_docs() -> OperationDocs {
    keyed("bulkScim", "Carry many requests out", &[])
        .describe(
            "RFC 7644, section 3.7. They are carried out one by one; `bulkId:` and the name of another refers to what \
             that one creates.",
        )
        .body(BODIES, "ScimBulkRequest", &examples::bulk_request())
        .response(200, "What came of each.", &[], json_of("ScimBulkResponse", &examples::bulk_response()))
        .errors(&BODY)
}

/// One operation, as it was sent.
struct Operation {
    method: String,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Value,
}

/// Reads a BulkRequest; without `failOnErrors` all operations are carried out.
fn read(sent: Value, profile: Profile) -> Result<(Vec<Operation>, usize), ScimError> {
    let mut map = names_folded(sent, "the body")?;
    check_message(map.get("schemas"), urn::BULK_REQUEST, profile)?;
    let fail_on_errors = match map.remove("failonerrors").unwrap_or_default() {
        Value::Null => usize::MAX,
        number => whole(&number).ok_or_else(|| refuse("failOnErrors must be a whole number from 1"))?,
    };
    let Some(Value::Array(operations)) = map.remove("operations") else {
        return Err(refuse("Operations must be a list"));
    };
    if operations.len() > MAX_OPERATIONS {
        let detail = format!("a bulk request must have at most {MAX_OPERATIONS} operations");
        return Err(ScimError::of_status(413, detail));
    }
    Ok((operations.into_iter().map(operation).collect::<Result<_, _>>()?, fail_on_errors))
}

fn whole(number: &Value) -> Option<usize> {
    usize::try_from(number.as_u64()?).ok().filter(|number| *number > 0)
}

fn operation(sent: Value) -> Result<Operation, ScimError> {
    let mut map = names_folded(sent, "an operation")?;
    let mut text = |name: &str| match map.remove(name).unwrap_or_default() {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(refuse(format!("{name} of an operation must be a string"))),
    };
    let method = text("method")?.ok_or_else(|| refuse("an operation must have a method"))?;
    let path = text("path")?.ok_or_else(|| refuse("an operation must have a path"))?;
    let (bulk_id, version) = (text("bulkid")?, text("version")?);
    let data = map.remove("data").unwrap_or_default();
    Ok(Operation { method: method.to_ascii_uppercase(), path, bulk_id, version, data })
}

fn names_folded(sent: Value, what: &str) -> Result<Map<String, Value>, ScimError> {
    let Value::Object(map) = sent else { return Err(refuse(format!("{what} must be an object"))) };
    Ok(map.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

fn refuse(detail: impl Into<String>) -> ScimError {
    ScimType::InvalidSyntax.error(detail)
}

/// A bulk request on its way.
struct Bulk<'c> {
    context: &'c Context,
    operations: Vec<Operation>,
    /// The operations that create, by their bulkIds, with the ids of what they create.
    created: HashMap<String, (usize, Uuid)>,
    failed: HashSet<usize>,
}

const PREFIX: &str = "bulkId:";

impl<'c> Bulk<'c> {
    fn new(context: &'c Context, operations: Vec<Operation>) -> Result<Self, ScimError> {
        let mut created = HashMap::new();
        for (index, operation) in operations.iter().enumerate().filter(|(_, one)| one.method == "POST") {
            let Some(bulk_id) = operation.bulk_id.clone().filter(|id| !id.is_empty()) else {
                return Err(refuse("an operation with POST must have a bulkId"));
            };
            if created.insert(bulk_id.clone(), (index, Uuid::now_v7())).is_some() {
                return Err(refuse(format!("bulkId {bulk_id:?} comes twice")));
            }
        }
        Ok(Self { context, operations, created, failed: HashSet::new() })
    }

    /// Carries operations out until as many have failed as may; gives what came of them, in the order of the request.
    async fn carry_out(mut self, fail_on_errors: usize) -> Vec<Value> {
        let mut answers = BTreeMap::new();
        for index in self.order() {
            if self.failed.len() >= fail_on_errors {
                break;
            }
            if let Some(operation) = self.operations.get(index) {
                let (answer, is_done) = self.answer(index, operation).await;
                answers.insert(index, answer);
                if !is_done {
                    self.failed.insert(index);
                }
            }
        }
        answers.into_values().map(Value::from).collect()
    }

    /// Each operation behind those that create what it refers to. References in a circle are of users to their managers,
    /// who need not be there yet.
    fn order(&self) -> Vec<usize> {
        let references: Vec<_> = self.operations.iter().map(|operation| self.references(operation)).collect();
        let (mut begun, mut order) = (HashSet::new(), Vec::new());
        (0..references.len()).for_each(|index| place(index, &references, &mut begun, &mut order));
        order
    }

    /// The operations that create what an operation refers to.
    fn references(&self, operation: &Operation) -> Vec<usize> {
        let mut found = Vec::new();
        let mut note = |text: &str| {
            let names = references(text).into_iter();
            found.extend(names.filter_map(|name| self.created.get(name)).map(|(index, _)| *index));
            Ok(text.to_owned())
        };
        // A path too may name what is created further on. Notes are never refused.
        let _: Result<_, ScimError> = operation.path.split('/').try_for_each(|name| note(name).map(drop));
        let _: Result<_, ScimError> = each_text(operation.data.clone(), &mut note);
        found
    }

    /// What came of an operation, and whether it was carried out.
    async fn answer(&self, index: usize, operation: &Operation) -> (Map<String, Value>, bool) {
        let Operation { method, bulk_id, .. } = operation;
        let mut answer = Map::from_iter([("method".to_owned(), method.clone().into())]);
        answer.extend(bulk_id.clone().map(|id| ("bulkId".to_owned(), id.into())));
        let target = self.target(operation);
        if let Ok((kind, Some(id))) = &target {
            let location = self.context.view().location(*kind, &id.to_string());
            answer.insert("location".to_owned(), location.into());
        }
        let done = match target {
            Ok(target) => self.done(index, operation, target).await,
            Err(error) => Err(error.into()),
        };
        let (status, is_done) = match done {
            Ok(Done { status, version, location, .. }) => {
                answer.insert("location".to_owned(), location.into());
                answer.extend(version.map(|version| ("version".to_owned(), etag(version).into())));
                (status.as_u16(), true)
            }
            Err(problem) => {
                let error = problem.scim_error();
                answer.insert("response".to_owned(), error.body().into());
                (error.status, false)
            }
        };
        answer.insert("status".to_owned(), status.to_string().into());
        (answer, is_done)
    }

    /// What an operation's path names.
    fn target(&self, operation: &Operation) -> Result<(ResourceType, Option<Uuid>), ScimError> {
        let path = &operation.path;
        let nothing = || ScimError::of_status(404, format!("there is nothing at the path {path:?}"));
        let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
        let name = segments.next().unwrap_or_default();
        let is_it = |kind: &ResourceType| kind.endpoint().trim_start_matches('/').eq_ignore_ascii_case(name);
        let kind = ResourceType::ALL.into_iter().find(is_it).ok_or_else(nothing)?;
        match (segments.next(), segments.next()) {
            (None, _) => Ok((kind, None)),
            (Some(id), None) => {
                let id = self.resolved(id)?;
                parse_id(&id).map(|id| (kind, Some(id))).ok_or_else(nothing)
            }
            _ => Err(nothing()),
        }
    }

    async fn done(
        &self,
        index: usize,
        operation: &Operation,
        (kind, id): (ResourceType, Option<Uuid>),
    ) -> Result<Done, Problem> {
        let data = each_text(operation.data.clone(), &mut |text| self.resolved(text))?;
        let own = operation.bulk_id.as_ref().and_then(|bulk_id| self.created.get(bulk_id));
        let request = match (operation.method.as_str(), id) {
            ("POST", None) => match own {
                Some((created, id)) if *created == index => Request::Create((*id, None), data),
                _ => return Err(refuse("an operation with POST must have a bulkId").into()),
            },
            ("PUT", Some(id)) => Request::Replace(id, data),
            ("PATCH", Some(id)) => Request::Patch(id, data),
            ("DELETE", Some(id)) => Request::Delete(id),
            (method, _) => {
                let detail = format!("{method:.20} is not allowed at the path {:.100}", operation.path);
                return Err(ScimError::of_status(405, detail).into());
            }
        };
        let tags = operation.version.as_deref().map(Tags::parse).transpose();
        let tags = tags.map_err(|error| ScimType::InvalidValue.error(format!("version {error}")))?;
        let conditions = Conditions { if_match: tags, if_none_match: None }.weakly();
        // Nothing of it is shown, so nothing need be looked up.
        let projection = Projection::parse(kind, Some("id"), None)?;
        let showing = Showing { projection, is_asked_for: false };
        request.carry_out(self.context, kind, conditions, &showing).await
    }

    /// A text with ids in place of the references in it.
    fn resolved(&self, text: &str) -> Result<String, ScimError> {
        let id = |name: &str| {
            let created = self.created.get(name).filter(|(index, _)| !self.failed.contains(index));
            created.map(|(_, id)| id.to_string()).ok_or_else(|| {
                let detail = format!("{PREFIX}{name:.100} names nothing that this request creates");
                ScimType::InvalidValue.error(detail)
            })
        };
        if let Some(name) = text.strip_prefix(PREFIX) {
            return id(name);
        }
        let parts = text.split('"').enumerate().map(|(at, part)| match part.strip_prefix(PREFIX) {
            Some(name) if at % 2 == 1 => id(name),
            _ => Ok(part.to_owned()),
        });
        Ok(parts.collect::<Result<Vec<_>, _>>()?.join("\""))
    }
}

/// Puts an operation behind those that it refers to, as far as they are not begun.
fn place(index: usize, references: &[Vec<usize>], begun: &mut HashSet<usize>, order: &mut Vec<usize>) {
    if begun.insert(index) {
        let before = references.get(index).into_iter().flatten();
        before.for_each(|other| place(*other, references, begun, order));
        order.push(index);
    }
}

/// The bulkIds that a text refers to: it is a reference, or has some between double quotes, as a path's filter does.
fn references(text: &str) -> Vec<&str> {
    match text.strip_prefix(PREFIX) {
        Some(name) => vec![name],
        None => text.split('"').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix(PREFIX)).collect(),
    }
}

/// Puts something in place of each text in a value.
fn each_text(
    value: Value,
    change: &mut impl FnMut(&str) -> Result<String, ScimError>,
) -> Result<Value, ScimError> {
    Ok(match value {
        Value::String(text) => change(&text)?.into(),
        Value::Array(items) => {
            items.into_iter().map(|item| each_text(item, change)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(map) => {
            let members = map.into_iter().map(|(name, value)| Ok((name, each_text(value, change)?)));
            Value::Object(members.collect::<Result<_, ScimError>>()?)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_54_references_stand_alone_or_in_filters() {
        for (text, expected) in [
            ("bulkId:a", vec!["a"]),
            ("members[value eq \"bulkId:a\" or value eq \"bulkId:b\"]", vec!["a", "b"]),
            ("not bulkId:a", vec![]),
            ("\"x\" bulkId:a", vec![]),
        ] {
            assert_eq!(references(text), expected, "{text}");
        }
    }

    #[test]
    fn item_54_what_is_referred_to_comes_first() {
        let (mut begun, mut order) = (HashSet::new(), Vec::new());
        let references = [vec![2], vec![0], vec![3, 0], vec![]];
        (0..4).for_each(|index| place(index, &references, &mut begun, &mut order));
        assert_eq!(order, [3, 2, 0, 1]);
    }
}

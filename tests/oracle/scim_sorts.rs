//! The orders of SCIM lists (RFC 7644, section 3.4.2.3): by every attribute, in both directions, by cursor and by index.

use crate::oracle::Settings;
use crate::oracle::attribute::{Attribute, GROUPS, Kind, of_users};
use crate::oracle::node::Node;
use crate::oracle::population::{self, bodies};
use crate::oracle::runner::each;
use crate::oracle::users::{User, Users};
use crate::support::api::{Api, text};
use crate::support::http::Client;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PAGE: usize = 37;

/// A list in one order.
#[derive(Clone, Debug)]
struct Case {
    client: Client,
    users: Arc<Users>,
    attribute: Attribute,
    descending: bool,
}

/// Creates users and lists them in every order.
pub(crate) async fn check_each(api: Api, settings: Settings) {
    let users = Arc::new(population::create(&api, &bodies(settings), settings.seed).await);
    let by_name: BTreeMap<_, _> = of_users().into_iter().map(|one| (one.name.clone(), one)).collect();
    let sortable = |attribute: &Attribute| {
        attribute.kind != Kind::Complex && attribute.name != "version" && attribute.path[0] != GROUPS
    };
    let cases = by_name.into_values().filter(sortable).flat_map(|attribute| {
        [false, true].map(|descending| {
            let (client, users) = (api.client.clone(), Arc::clone(&users));
            Case { client, users, attribute: attribute.clone(), descending }
        })
    });
    each(cases.collect(), Case::check).await;
}

impl Case {
    async fn check(self) -> Result<(), String> {
        let found = if self.descending { self.pages_by_index().await } else { self.pages_by_cursor().await };
        if found == self.expected() {
            return Ok(());
        }
        Err(format!(
            "{} {}\nexpected {:?}\nfound    {found:?}",
            self.name(),
            self.descending,
            self.expected()
        ))
    }

    /// The ids of the users in the order of the oracle.
    fn expected(&self) -> Vec<String> {
        let mut users: Vec<_> = self.users.all.iter().collect();
        users.sort_by_cached_key(|user| (key(user, &self.attribute), &user.id));
        if self.descending {
            users.reverse();
        }
        users.into_iter().map(|user| user.id.clone()).collect()
    }

    async fn pages_by_cursor(&self) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.page(&format!("cursor={cursor}")).await;
            ids.extend(page_ids(&page));
            let Some(next) = page["nextCursor"].as_str() else { return ids };
            next.clone_into(&mut cursor);
        }
    }

    async fn pages_by_index(&self) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < self.users.all.len() {
            let page = self.page(&format!("startIndex={}", ids.len() + 1)).await;
            assert_eq!(page["totalResults"], self.users.all.len());
            ids.extend(page_ids(&page));
        }
        ids
    }

    async fn page(&self, position: &str) -> Value {
        let order = if self.descending { "descending" } else { "ascending" };
        let query = format!("sortBy={}&sortOrder={order}&count={PAGE}&{position}", self.name());
        self.client.get(&format!("/scim/v2/Users?attributes=id&{query}")).send().await.expect(200).json()
    }

    /// The SCIM name of the attribute.
    fn name(&self) -> String {
        match self.attribute.name.as_str() {
            "createdAt" => "meta.created".to_owned(),
            "updatedAt" => "meta.lastModified".to_owned(),
            name => match name.strip_prefix("enterprise.") {
                Some(part) => format!("{ENTERPRISE}:{part}"),
                None => name.to_owned(),
            },
        }
    }
}

fn page_ids(page: &Value) -> Vec<String> {
    let resources = page["Resources"].as_array().expect("the page has resources");
    assert!(!resources.is_empty(), "{page}");
    resources.iter().map(|user| text(&user["id"]).to_owned()).collect()
}

/// The sort key: whether there is no value, and the value as a time or as text.
fn key<'u>(user: &'u User, attribute: &Attribute) -> (bool, i128, &'u str) {
    let value = attribute.value_path.iter().try_fold(&user.node, |node, name| {
        let Node::Object(members) = representative(node)? else { return None };
        members.get(name)
    });
    match value {
        None | Some(Node::Absent) => (true, 0, ""),
        Some(Node::Text(text)) if attribute.kind == Kind::Folded => (false, 0, &text.folded),
        Some(Node::Text(text)) => (false, 0, &text.exact),
        Some(Node::Flag(flag)) => (false, 0, if *flag { "true" } else { "false" }),
        Some(Node::Time(at)) => (false, *at, ""),
        other => panic!("{other:?} is not a sort key"),
    }
}

/// The primary element of a list, otherwise its first. Any other value represents itself.
fn representative(node: &Node) -> Option<&Node> {
    let Node::List(items) = node else { return Some(node) };
    let is_primary = |item: &&Node| match item {
        Node::Object(members) => members.get("primary") == Some(&Node::Flag(true)),
        _ => false,
    };
    items.iter().find(is_primary).or_else(|| items.first())
}

//! The users of a server, and the expected result of a filter in each order.

use crate::oracle::attribute::GROUPS;
use crate::oracle::filter::{Filter, finds};
use crate::oracle::node::Node;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    /// The user as in a response.
    pub(crate) shown: Value,
    pub(crate) node: Node,
}

/// All users of a server.
#[derive(Debug)]
pub(crate) struct Users {
    pub(crate) all: Vec<User>,
}

/// The attribute by which a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SortKey {
    Id,
    UserName,
    DisplayName,
    CreatedAt,
    UpdatedAt,
}

impl SortKey {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::UserName => "userName",
            Self::DisplayName => "displayName",
            Self::CreatedAt => "createdAt",
            Self::UpdatedAt => "updatedAt",
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sort {
    pub(crate) by: SortKey,
    pub(crate) descending: bool,
}

/// All orders of a list.
pub(crate) const SORTS: [Sort; 10] = [
    Sort { by: SortKey::Id, descending: false },
    Sort { by: SortKey::Id, descending: true },
    Sort { by: SortKey::UserName, descending: false },
    Sort { by: SortKey::UserName, descending: true },
    Sort { by: SortKey::DisplayName, descending: false },
    Sort { by: SortKey::DisplayName, descending: true },
    Sort { by: SortKey::CreatedAt, descending: false },
    Sort { by: SortKey::CreatedAt, descending: true },
    Sort { by: SortKey::UpdatedAt, descending: false },
    Sort { by: SortKey::UpdatedAt, descending: true },
];

impl Users {
    /// Converts users from responses, with their groups added, which responses do not contain.
    pub(crate) fn new(users: Vec<Value>) -> Self {
        let user = |mut user: Value| User {
            id: user["id"].as_str().expect("the id is a string").to_owned(),
            node: Node::of_user(&user),
            shown: {
                user.as_object_mut().expect("the user is an object").remove(GROUPS);
                user
            },
        };
        Self { all: users.into_iter().map(user).collect() }
    }

    /// The users that a filter finds, in order.
    pub(crate) fn found(&self, filter: &Filter, sort: Sort) -> Vec<&User> {
        let mut found: Vec<_> = self.all.iter().filter(|user| finds(filter, &user.node)).collect();
        found.sort_by_cached_key(|user| (user.key(sort.by), &user.id));
        if sort.descending {
            found.reverse();
        }
        found
    }

    pub(crate) fn with_id(&self, id: &str) -> Option<&User> {
        self.all.iter().find(|user| user.id == id)
    }
}

impl User {
    /// The sort key: whether the value is missing, and the value as a string or as a time.
    fn key(&self, by: SortKey) -> (bool, &str, i128) {
        let Node::Object(members) = &self.node else { panic!("the user is not an object") };
        match members.get(by.name()) {
            None | Some(Node::Absent) => (true, "", 0),
            Some(Node::Text(text)) => (false, &text.folded, 0),
            Some(Node::Time(at)) => (false, "", *at),
            other => panic!("{other:?} is not a sort key"),
        }
    }
}

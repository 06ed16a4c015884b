//! The users that a filter is asked about, in every order in which a list may come.

use crate::oracle::attribute::GROUPS;
use crate::oracle::filter::{Filter, finds};
use crate::oracle::node::Node;
use serde_json::Value;

/// A user.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    /// As the API shows it.
    pub(crate) shown: Value,
    pub(crate) node: Node,
}

/// All users of a server.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) all: Vec<Person>,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Id,
    UserName,
    DisplayName,
    CreatedAt,
    UpdatedAt,
}

impl By {
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

/// By what a list is sorted and in which direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sort {
    pub(crate) by: By,
    pub(crate) descending: bool,
}

/// Every order in which a list may come.
pub(crate) const SORTS: [Sort; 10] = [
    Sort { by: By::Id, descending: false },
    Sort { by: By::Id, descending: true },
    Sort { by: By::UserName, descending: false },
    Sort { by: By::UserName, descending: true },
    Sort { by: By::DisplayName, descending: false },
    Sort { by: By::DisplayName, descending: true },
    Sort { by: By::CreatedAt, descending: false },
    Sort { by: By::CreatedAt, descending: true },
    Sort { by: By::UpdatedAt, descending: false },
    Sort { by: By::UpdatedAt, descending: true },
];

impl People {
    /// Of users as the API shows them, with the groups that it does not show.
    pub(crate) fn new(users: Vec<Value>) -> Self {
        let person = |mut user: Value| Person {
            id: user["id"].as_str().expect("an id is a string").to_owned(),
            node: Node::of_user(&user),
            shown: {
                user.as_object_mut().expect("a user is an object").remove(GROUPS);
                user
            },
        };
        Self { all: users.into_iter().map(person).collect() }
    }

    /// Whom a filter finds, in order.
    pub(crate) fn found(&self, filter: &Filter, sort: Sort) -> Vec<&Person> {
        let mut found: Vec<_> = self.all.iter().filter(|person| finds(filter, &person.node)).collect();
        found.sort_by_cached_key(|person| (person.key(sort.by), &person.id));
        if sort.descending {
            found.reverse();
        }
        found
    }

    pub(crate) fn with_id(&self, id: &str) -> Option<&Person> {
        self.all.iter().find(|person| person.id == id)
    }
}

impl Person {
    /// What it is sorted by: whether that is missing, and as a string or as a time.
    fn key(&self, by: By) -> (bool, &str, i128) {
        let Node::Object(members) = &self.node else { panic!("a user is an object") };
        match members.get(by.name()) {
            None | Some(Node::Absent) => (true, "", 0),
            Some(Node::Text(text)) => (false, &text.folded, 0),
            Some(Node::Time(at)) => (false, "", *at),
            other => panic!("nothing is sorted by {other:?}"),
        }
    }
}

//! Generates users from a seed. Their values are few, similar and unusual, so that most filters find some of the users.

use crate::oracle::Settings;
use crate::oracle::attribute::GROUPS;
use crate::oracle::users::Users;
use crate::support::api::{Api, path, send_concurrently};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use roster::domain::casefold::casefold;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Number of concurrent requests: enough to keep the server busy and the times close together.
const CLIENTS: usize = 16;

/// Words that differ only in case, share a prefix, or have a meaning in queries.
const WORDS: &[&str] = &[
    "Ada",
    "ADA",
    "adam",
    "Adam Ada",
    "straße",
    "STRASSE",
    "Straẞe",
    "İzmir",
    "i\u{307}zmir",
    "izmir",
    "ızmir",
    "Café",
    "cafe\u{301}",
    "CAFE\u{301}s",
    "cafe",
    "100%",
    "100",
    "a_b",
    "a%b",
    "aXb",
    "a\\b",
    "a\\_b",
    "say \"ada\"",
    "o'ada",
    "Σίσυφος",
    "σίσυφοσ",
    "ﬀ",
    "ff",
    "\u{212b}",
    "a\u{30a}",
    "Ａ",
    "🦀",
    "\u{e000}",
    "null",
    "true",
    "ada and adam",
    "*",
    " ada",
    "ada ",
    " ",
];

/// Characters from which further words are generated.
const LETTERS: &[&str] = &[
    "a",
    "A",
    "b",
    "B",
    "s",
    "ſ",
    "ß",
    "ẞ",
    "i",
    "I",
    "İ",
    "ı",
    "é",
    "É",
    "e\u{301}",
    "e",
    "\u{301}",
    "\u{307}",
    "%",
    "_",
    "\\",
    "\"",
    "'",
    "[",
    "*",
    " ",
    "\n",
    ".",
    "🦀",
    "\u{ffff}",
    "\u{10ffff}",
];

const TYPES: &[&str] = &["work", "home", "Work", "WORK", "other", "straße", ""];
const LOCALS: &[&str] =
    &["ada", "Ada", "ADAM", "a_b", "a%b", "straße", "STRASSE", "e\u{301}va", "Éva", "o'ada"];
const DOMAINS: &[&str] = &["x.com", "X.com", "example.com", "sub.example.com", "straße.de"];
const REFERENCES: &[&str] = &[
    "https://x.com/a",
    "https://X.com/A",
    "https://x.com/a%20b",
    "https://x.com/é",
    "https://x.com/e\u{301}",
    "",
];
const CERTIFICATES: &[&str] = &["MIIDQ+/=", "miidq+/=", "MIIDQ", "AAAA", "é"];

/// Creates the users, changes some of them, and returns all in their final state.
pub(crate) async fn create(api: &Api, bodies: &[Value], seed: u64) -> Users {
    let mut users = Vec::new();
    for bodies in bodies.chunks(CLIENTS) {
        let created = send_concurrently(bodies.len(), |index| api.client.post("/users", &bodies[index]));
        users.extend(created.await.into_iter().map(|response| response.expect(201).json()));
    }
    change(api, &by_name(users), seed).await;
    let mut users = by_name(list(api).await);
    add_to_groups(api, &mut users, seed).await;
    Users::new(users)
}

/// Adds the users to groups of decreasing size, and records the groups in the users.
async fn add_to_groups(api: &Api, users: &mut [Value], seed: u64) {
    let mut rng = XorShiftRng::seed_from_u64(seed ^ 2);
    for percent in [90, 50, 20, 5, 1, 0] {
        let body = json!({ "displayName": percent.to_string() });
        let group = api.client.post("/groups", &body).send().await.expect(201).json();
        let members: Vec<_> = users.iter_mut().filter(|_| rng.random_ratio(percent, 100)).collect();
        let ids: Vec<_> = members.iter().map(|user| user["id"].clone()).collect();
        let path = format!("/groups/{}/members", group["id"].as_str().expect("the group has an id"));
        for ids in ids.chunks(500) {
            api.client.post(&path, &json!({ "userIds": ids })).send().await.expect(204);
        }
        for user in members {
            match &mut user[GROUPS] {
                Value::Array(groups) => groups.push(json!({ "value": group["id"] })),
                none => *none = json!([{ "value": group["id"] }]),
            }
        }
    }
}

/// Sorts by name instead of the order of creation, so that a seed reproduces a failure except for ids and times.
fn by_name(mut users: Vec<Value>) -> Vec<Value> {
    users.sort_by_key(|user| user["userName"].to_string());
    users
}

/// Patches about every fifth user, some of them several times, which changes their versions and times.
async fn change(api: &Api, users: &[Value], seed: u64) {
    let mut rng = XorShiftRng::seed_from_u64(seed ^ 1);
    let count = users.len() / 5;
    let patches: Vec<_> = (0..count)
        .map(|number| {
            let (user, manager) = (pick(&mut rng, users), pick(&mut rng, users));
            let manager = json!({ "value": manager["id"] });
            // The number ensures that the patch has an effect.
            let patch = json!({ "title": format!("Edit {number}"), "enterprise": { "manager": manager } });
            api.client.patch(&path(&user), &patch)
        })
        .collect();
    for patch in patches {
        patch.send().await.expect(200);
    }
}

/// All users in the order of their creation.
async fn list(api: &Api) -> Vec<Value> {
    let (mut all, mut query) = (Vec::new(), "?limit=200".to_owned());
    loop {
        let mut page = api.page(&query).await;
        let Value::Array(items) = page["items"].take() else { panic!("the page has no items: {page}") };
        all.extend(items);
        let Some(cursor) = page["nextCursor"].as_str() else { return all };
        query = format!("?limit=200&cursor={cursor}");
    }
}

/// The bodies that create the users.
pub(crate) fn bodies(settings: Settings) -> Vec<Value> {
    let rng = XorShiftRng::seed_from_u64(settings.seed);
    let mut generator = UserGenerator { rng, names: BTreeSet::new(), external_ids: BTreeSet::new() };
    (0..settings.users).map(|_| generator.user()).collect()
}

fn pick<T: Clone>(rng: &mut XorShiftRng, from: &[T]) -> T {
    from.choose(rng).expect("the list is not empty").clone()
}

struct UserGenerator {
    rng: XorShiftRng,
    /// The case-folded names in use.
    names: BTreeSet<String>,
    external_ids: BTreeSet<String>,
}

impl UserGenerator {
    fn user(&mut self) -> Value {
        let mut user = json!({ "userName": self.user_name(), "custom": { "title": self.text() } });
        let members = user.as_object_mut().expect("the value is an object");
        self.sometimes(members, "externalId", |m| m.external_id().into());
        self.sometimes(members, "displayName", |m| m.key().into());
        for name in ["nickName", "title", "userType", "preferredLanguage", "locale", "timezone"] {
            self.sometimes(members, name, |m| m.text().into());
        }
        self.sometimes(members, "profileUrl", |m| pick(&mut m.rng, REFERENCES).into());
        self.sometimes(members, "active", |m| m.chance(50).into());
        self.sometimes(members, "name", Self::name);
        self.sometimes(members, "enterprise", Self::enterprise);
        self.sometimes(members, "emails", |m| m.list(Self::email));
        for name in ["phoneNumbers", "ims", "entitlements", "roles"] {
            self.sometimes(members, name, |m| m.list(|m| m.text().into()));
        }
        self.sometimes(members, "photos", |m| m.list(|m| pick(&mut m.rng, REFERENCES).into()));
        self.sometimes(members, "x509Certificates", |m| m.list(|m| pick(&mut m.rng, CERTIFICATES).into()));
        self.sometimes(members, "addresses", Self::addresses);
        user
    }

    /// Sets a field to a value or to null, or leaves it out.
    fn sometimes(&mut self, of: &mut Map<String, Value>, name: &str, value: impl FnOnce(&mut Self) -> Value) {
        match self.rng.random_range(0..10) {
            0..7 => of.insert(name.to_owned(), value(self)),
            7 => of.insert(name.to_owned(), Value::Null),
            _ => None,
        };
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    /// A random string, which may be empty.
    fn text(&mut self) -> String {
        match self.rng.random_range(0..10) {
            0 => String::new(),
            1..6 => pick(&mut self.rng, WORDS).to_owned(),
            _ => (0..self.rng.random_range(1..5)).map(|_| pick(&mut self.rng, LETTERS)).collect(),
        }
    }

    /// A string that is not blank.
    fn key(&mut self) -> String {
        loop {
            let text = self.text();
            if !text.trim().is_empty() {
                return text;
            }
        }
    }

    fn user_name(&mut self) -> String {
        loop {
            let name = match self.rng.random_range(0..3) {
                0 => self.key(),
                1 => format!("{}{}", self.key(), self.key()),
                _ => format!("{}{}", self.key(), self.rng.random_range(0..500)),
            };
            if self.names.insert(casefold(&name)) {
                return name;
            }
        }
    }

    fn external_id(&mut self) -> String {
        loop {
            let id = format!("{}{}", self.key(), self.key());
            if self.external_ids.insert(id.clone()) {
                return id;
            }
        }
    }

    fn parts(&mut self, names: &[&str]) -> Value {
        let mut parts = Map::new();
        for name in names {
            self.sometimes(&mut parts, name, |m| m.text().into());
        }
        parts.into()
    }

    fn name(&mut self) -> Value {
        // Often empty, or with only an empty string.
        match self.rng.random_range(0..4) {
            0 => json!({}),
            1 => json!({ "middleName": "", "formatted": null }),
            _ => self.parts(&[
                "formatted",
                "familyName",
                "givenName",
                "middleName",
                "honorificPrefix",
                "honorificSuffix",
            ]),
        }
    }

    fn enterprise(&mut self) -> Value {
        let mut enterprise = match self.rng.random_range(0..4) {
            0 => json!({}),
            1 => json!({ "division": "" }),
            _ => self.parts(&["employeeNumber", "costCenter", "organization", "division", "department"]),
        };
        let members = enterprise.as_object_mut().expect("the value is an object");
        self.sometimes(members, "manager", |m| json!({ "value": m.text() }));
        enterprise
    }

    fn email(&mut self) -> Value {
        format!("{}@{}", pick(&mut self.rng, LOCALS), pick(&mut self.rng, DOMAINS)).into()
    }

    /// Up to three elements, at most one of which is primary.
    fn list(&mut self, value: impl Fn(&mut Self) -> Value) -> Value {
        self.elements(|generator| {
            let mut element = Map::new();
            generator.sometimes(&mut element, "value", &value);
            generator.sometimes(&mut element, "type", |m| pick(&mut m.rng, TYPES).into());
            generator.sometimes(&mut element, "display", |m| m.text().into());
            element
        })
    }

    fn addresses(&mut self) -> Value {
        const PARTS: [&str; 6] =
            ["formatted", "streetAddress", "locality", "region", "postalCode", "country"];
        self.elements(|generator| {
            let mut address = generator.parts(&PARTS);
            let address = address.as_object_mut().expect("the value is an object");
            generator.sometimes(address, "type", |m| pick(&mut m.rng, TYPES).into());
            address.clone()
        })
    }

    fn elements(&mut self, element: impl Fn(&mut Self) -> Map<String, Value>) -> Value {
        let count = self.rng.random_range(0..4);
        let primary = self.rng.random_range(0..5);
        let with_primary = |index: usize, mut element: Map<String, Value>| {
            if index == primary {
                element.insert("primary".to_owned(), true.into());
            }
            Value::Object(element)
        };
        (0..count).map(|index| with_primary(index, element(self))).collect::<Vec<_>>().into()
    }
}

//! Generates users from a seed. The same seed and number always produce the same user and the same edits, so the bodies
//! need not be stored.

use crate::journey::merge::{Nulls, merge};
use crate::journey::names::{DOMAINS, EMOJI, REGIONS, Region, SPECIAL_TEXTS};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use serde_json::{Map, Value, json};

/// Generates the users of a seed by their number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct People {
    seed: u64,
}

impl People {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A random number generator that depends only on the seed, a number and a purpose.
    pub(crate) fn rng(self, index: u32, purpose: u32) -> XorShiftRng {
        let stream = u64::from(index) << 32 | u64::from(purpose);
        // Without the factor, similar seeds would yield the same users under other numbers.
        XorShiftRng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream)
    }

    /// The body that creates a user.
    pub(crate) fn user(self, index: u32) -> Value {
        let mut rng = self.rng(index, 0);
        let region = pick(&mut rng, &REGIONS);
        let mut draft = Draft {
            given: pick(&mut rng, region.given),
            family: pick(&mut rng, region.family),
            region,
            index,
            rng,
            body: Map::new(),
        };
        draft.set_names();
        draft.set_preferences();
        draft.set_contacts();
        draft.set_entitlements();
        draft.set_enterprise();
        draft.set_custom_data();
        Value::Object(draft.body)
    }

    /// The merge patch of a user's `number`th edit (from 1). Every edit has an effect.
    pub(crate) fn edit(self, index: u32, number: u32) -> Value {
        let mut rng = self.rng(index, number);
        let emoji = pick(&mut rng, EMOJI);
        let region = pick(&mut rng, &REGIONS);
        let always = json!({"title": format!("Edit {number} {emoji}"), "custom": {"edit": number}});
        let more = match rng.random_range(0..6) {
            0 => json!({"nickName": null, "emails": []}),
            1 => json!({"emails": [{"value": format!("edit{number}.{index}@example.com"), "primary": true}]}),
            2 => json!({"name": {"givenName": pick(&mut rng, region.given), "middleName": null}}),
            3 => json!({"enterprise": {"department": region.city, "manager": null}}),
            4 => json!({"userName": format!("{emoji}Renamed{number}.{index}")}),
            _ => json!({"active": rng.random_bool(0.5), "addresses": null, "displayName": emoji}),
        };
        let mut patch = always;
        merge(&mut patch, &more, Nulls::Keep);
        patch
    }

    /// The body of a user after this many edits.
    pub(crate) fn after(self, index: u32, edits: u32) -> Value {
        let mut body = self.user(index);
        for number in 1..=edits {
            merge(&mut body, &self.edit(index, number), Nulls::Remove);
        }
        body
    }
}

/// The number in a `userName`. Every name ends with the number, or with the number and a domain, so it is unique even
/// after case folding.
pub(crate) fn index_of(user_name: &str) -> Option<u32> {
    let local = user_name.split_once('@').map_or(user_name, |(local, _)| local);
    local.rsplit_once('.')?.1.parse().ok()
}

fn pick<T: Copy>(rng: &mut XorShiftRng, from: &[T]) -> T {
    *from.choose(rng).expect("the table is not empty")
}

/// A user that is being generated.
struct Draft {
    rng: XorShiftRng,
    region: Region,
    given: &'static str,
    family: &'static str,
    index: u32,
    body: Map<String, Value>,
}

impl Draft {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.body.insert(name.to_owned(), value.into());
    }

    /// Sets a field with a probability of `percent`.
    fn sometimes(&mut self, percent: u32, name: &str, value: impl FnOnce(&mut Self) -> Value) {
        if self.chance(percent) {
            let value = value(self);
            self.set(name, value);
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    fn set_names(&mut self) {
        let user_name = self.user_name();
        self.set("userName", user_name);
        let full = self.full_name();
        self.sometimes(70, "externalId", |d| format!("HR-{:07}", d.index).into());
        self.sometimes(80, "displayName", |d| match d.rng.random_range(0..4) {
            0 => format!("{full} {}", pick(&mut d.rng, EMOJI)).into(),
            1 => full.to_uppercase().into(),
            _ => full.clone().into(),
        });
        self.sometimes(90, "name", |d| d.name(&full));
        self.sometimes(30, "nickName", |d| format!("{}{}", d.given, pick(&mut d.rng, EMOJI)).into());
    }

    fn user_name(&mut self) -> String {
        let (given, family, index) = (self.given, self.family, self.index);
        match self.rng.random_range(0..6) {
            0 => format!("user.{index}"),
            1 => format!("{given}.{family}.{index}"),
            2 => format!("{given}.{index}@{}", pick(&mut self.rng, DOMAINS)),
            3 => format!("{}.{index}", family.to_uppercase()),
            4 => format!("{}{given}.{index}", pick(&mut self.rng, EMOJI)),
            // Inside a right-to-left isolate.
            _ => format!("\u{2067}{given} {family}\u{2069}.{index}"),
        }
    }

    fn full_name(&self) -> String {
        let Region { family_first, right_to_left, .. } = self.region;
        let (first, second) =
            if family_first { (self.family, self.given) } else { (self.given, self.family) };
        let mark = if right_to_left { "\u{200f}" } else { "" };
        format!("{mark}{first} {second}{mark}")
    }

    fn name(&mut self, full: &str) -> Value {
        let mut name = json!({"familyName": self.family, "givenName": self.given});
        if self.chance(50) {
            merge(&mut name, &json!({"formatted": full, "honorificPrefix": "Dr."}), Nulls::Keep);
        }
        if self.chance(30) {
            let middle = pick(&mut self.rng, self.region.given);
            merge(&mut name, &json!({"middleName": middle, "honorificSuffix": "Ph.D., III"}), Nulls::Keep);
        }
        name
    }

    fn set_preferences(&mut self) {
        let region = self.region;
        self.sometimes(40, "profileUrl", |d| format!("https://people.example.com/~{}", d.index).into());
        self.sometimes(60, "title", |d| format!("Ingénieur·e № {}", d.rng.random_range(1..9)).into());
        self.sometimes(50, "userType", |_| "Employee".into());
        self.sometimes(60, "preferredLanguage", |_| region.locale.into());
        self.sometimes(60, "locale", |_| region.locale.into());
        self.sometimes(60, "timezone", |_| region.timezone.into());
        self.sometimes(70, "active", |d| d.chance(90).into());
    }

    fn set_contacts(&mut self) {
        self.sometimes(85, "emails", |d| d.list(4, &["work", "home", "other"], Self::email));
        self.sometimes(60, "phoneNumbers", |d| d.list(4, &["work", "mobile", "fax", "pager"], Self::phone));
        self.sometimes(15, "ims", |d| d.list(2, &["xmpp", "skype"], |d, at| format!("im:{}.{at}", d.given)));
        let photo = |d: &mut Self, at| format!("https://photos.example.com/{}/{at}.png?size=1", d.index);
        self.sometimes(20, "photos", |d| d.list(2, &["photo", "thumbnail"], photo));
        self.sometimes(50, "addresses", Self::addresses);
    }

    fn set_entitlements(&mut self) {
        self.sometimes(20, "entitlements", |d| d.list(5, &["licence"], |_, at| format!("seat-{at}")));
        self.sometimes(25, "roles", |d| {
            d.list(3, &["app", "team"], |d, at| format!("{}/{at}", d.region.city))
        });
        let certificate = |d: &mut Self, at| BASE64_STANDARD.encode(format!("certificate {} {at}", d.index));
        self.sometimes(10, "x509Certificates", |d| d.list(2, &["login"], certificate));
    }

    fn email(&mut self, at: usize) -> String {
        let (index, domain) = (self.index, pick(&mut self.rng, DOMAINS));
        match self.rng.random_range(0..4) {
            // Used by many users, because e-mail addresses are not unique.
            0 if at == 0 => "Info@Example.com".to_owned(),
            1 => format!("{}.{index}.{at}@{domain}", self.given.replace(' ', "_")),
            _ => format!("user.{index}+{at}@{domain}"),
        }
    }

    fn phone(&mut self, at: usize) -> String {
        format!("+{} ({}) {:07}-{at}", self.rng.random_range(1..99), self.index % 1000, self.index)
    }

    /// A list of one to `max` distinct values, at most one of which is primary.
    fn list(&mut self, max: usize, types: &[&str], value: impl Fn(&mut Self, usize) -> String) -> Value {
        let primary = self.rng.random_range(0..=max);
        let mut values = Vec::new();
        for at in 0..self.rng.random_range(1..=max) {
            let mut element = json!({"value": value(self, at)});
            if self.chance(80) {
                element["type"] = json!(pick(&mut self.rng, types));
            }
            if self.chance(30) {
                element["display"] = json!(format!("{} {at}", self.family));
            }
            if at == primary || self.chance(20) {
                element["primary"] = json!(at == primary);
            }
            values.push(element);
        }
        values.into()
    }

    fn addresses(&mut self) -> Value {
        let Region { street, city, .. } = self.region;
        let country = self.region.country();
        let both = self.chance(40);
        let address = |number: u32, kind: &str| {
            json!({
                "type": kind, "streetAddress": format!("{street} {number}"), "locality": city, "country": country,
                "postalCode": format!("{:05}", number), "formatted": format!("{street} {number}\n{city}\n{country}"),
            })
        };
        let mut addresses = vec![address(self.index % 997, "work")];
        if both {
            addresses.push(address(self.index % 991 + 1000, "home"));
            addresses[1]["region"] = json!("XY");
            addresses[1]["primary"] = json!(true);
        }
        addresses.into()
    }

    fn set_enterprise(&mut self) {
        self.sometimes(60, "enterprise", |d| {
            let mut work = json!({"employeeNumber": d.index.to_string(), "department": d.region.street});
            if d.chance(50) {
                let more =
                    json!({"costCenter": "4130", "organization": "Universal Studios", "division": "東"});
                merge(&mut work, &more, Nulls::Keep);
            }
            if d.chance(40) {
                // Not the id of a user, so that the server does not add a display name.
                work["manager"] = json!({"value": format!("manager-of-{}", d.index)});
            }
            work
        });
    }

    /// Sets `custom`, and an extension that Roster does not know.
    fn set_custom_data(&mut self) {
        self.sometimes(60, "custom", Self::custom);
        self.sometimes(15, "extensions", |d| {
            let badge = json!({"badge": {"number": d.index, "colours": ["rot", "grün"], "valid": true}});
            json!({"urn:example:params:scim:schemas:extension:badge:2.0:User": badge})
        });
    }

    /// All floats have a fraction, because only some parsers treat 1 and 1.0 as equal.
    fn custom(&mut self) -> Value {
        let mut custom = json!({
            "index": self.index, "text": pick(&mut self.rng, SPECIAL_TEXTS), "nothing": null, "empty": [[], {}, ""],
            "integers": [0, -1, 9_007_199_254_740_991_i64, -9_007_199_254_740_991_i64],
            "floats": [0.1, -12.5, 1.5e-7, f64::from(self.rng.random_range(0..1_000_000)) + 0.3],
        });
        if self.chance(30) {
            custom["deep"] = json!({"a": {"b": [{"c": [null, true, pick(&mut self.rng, EMOJI)]}]}});
        }
        if self.chance(5) {
            custom["long"] = json!(self.given.repeat(self.rng.random_range(1..200)));
        }
        custom
    }
}

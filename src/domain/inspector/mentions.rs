//! The ids and user names that a request and its response mention, by which administrators find the requests of a user.

use super::super::casefold::casefold;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The ids and the folded user names that a request mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    ids: BTreeSet<Uuid>,
    names: BTreeSet<String>,
}

/// The maximum numbers of ids and of names. The recorded parts of two bodies seldom contain more.
const MAX_IDS: usize = 1_000;
const MAX_NAMES: usize = 200;
/// The maximum length of a name, in bytes. No user has a longer one.
const MAX_NAME: usize = 1_024;

/// The number of bytes of an id with hyphens.
const ID: usize = 36;

impl Mentions {
    /// Adds the ids and user names in a text: a decoded path or query, or a body, which need not be complete.
    pub(super) fn add_text(&mut self, text: &str) {
        self.add_ids(text.as_bytes());
        let lower = text.to_ascii_lowercase();
        let found: Vec<_> = lower.match_indices("username").map(|(at, word)| at + word.len()).collect();
        let names = found.iter().filter_map(|at| name_after(text.get(*at..)?));
        names.for_each(|name| self.add_name(&name));
        if !found.is_empty()
            && lower.contains("\"path\"")
            && let Ok(body) = serde_json::from_str(text)
        {
            self.add_patches(&body);
        }
    }

    fn add_ids(&mut self, bytes: &[u8]) {
        let mut at = 8;
        while let Some(byte) = bytes.get(at) {
            let id = || Uuid::try_parse_ascii(bytes.get(at - 8..at - 8 + ID)?).ok();
            match if *byte == b'-' { id() } else { None } {
                Some(id) if self.ids.len() < MAX_IDS => {
                    self.ids.insert(id);
                    at += ID;
                }
                Some(_) => return,
                None => at += 1,
            }
        }
    }

    /// Adds the values of the operations that set `userName`, in the body of a PATCH or bulk request.
    fn add_patches(&mut self, body: &Value) {
        match body {
            Value::Object(map) => {
                if let (Some(path), Some(Value::String(name))) = (member(map, "path"), member(map, "value"))
                    && path.as_str().is_some_and(|path| path.to_ascii_lowercase().ends_with("username"))
                {
                    self.add_name(name);
                }
                map.values().for_each(|value| self.add_patches(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_patches(item)),
            _ => {}
        }
    }

    fn add_name(&mut self, name: &str) {
        if self.names.len() < MAX_NAMES && !name.is_empty() && name.len() <= MAX_NAME {
            self.names.insert(stored_name(name));
        }
    }

    /// Whether the id or the name is mentioned.
    pub fn contain(&self, id: Option<Uuid>, name: Option<&str>) -> bool {
        id.is_some_and(|id| self.ids.contains(&id))
            || name.is_some_and(|name| self.names.contains(&stored_name(name)))
    }

    /// Whether a name, which is case-folded, or an id satisfies a condition.
    pub(super) fn any(&self, name: impl Fn(&str) -> bool, id: impl Fn(Uuid) -> bool) -> bool {
        self.names.iter().any(|text| name(text)) || self.ids.iter().copied().any(id)
    }

    /// Removes all names, and the ids for which this does not hold.
    pub(super) fn retain_ids(&mut self, is_kept: impl Fn(Uuid) -> bool) {
        self.names.clear();
        self.ids.retain(|id| is_kept(*id));
    }

    /// The form in which mentions are stored: each followed by a line feed, and names after an equals sign.
    pub fn to_text(&self) -> String {
        let ids = self.ids.iter().map(|id| id.simple().to_string());
        let names = self.names.iter().map(|name| format!("={name}"));
        ids.chain(names).fold(String::new(), |text, mention| text + &mention + "\n")
    }

    /// Reads the stored form.
    pub fn parse(text: &str) -> Self {
        let mut mentions = Self::default();
        for line in text.lines() {
            match line.strip_prefix('=') {
                Some(name) => drop(mentions.names.insert(name.to_owned())),
                None => mentions.ids.extend(Uuid::try_parse(line).ok()),
            }
        }
        mentions
    }
}

/// A name as it is stored and compared.
fn stored_name(name: &str) -> String {
    casefold(name).replace(char::is_control, " ")
}

/// The value of `userName` in a JSON object or in a comparison with `eq`, from the text after the name.
fn name_after(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['"', '\\']).trim_start();
    let text = match text.strip_prefix(':') {
        Some(value) => value,
        None => text.get(..2).filter(|word| word.eq_ignore_ascii_case("eq")).and_then(|_| text.get(2..))?,
    };
    let text = text.trim_start();
    // In the body of a search, the quotation marks of a filter are escaped.
    if let Some(escaped) = text.strip_prefix("\\\"") {
        return escaped.split_once("\\\"").map(|(name, _)| name.to_owned());
    }
    text.starts_with('"')
        .then(|| serde_json::Deserializer::from_str(text).into_iter::<String>().next()?.ok())
        .flatten()
}

/// A member of an object, whose name is case-insensitive.
fn member<'m>(map: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Mentions {
        let mut mentions = Mentions::default();
        mentions.add_text(text);
        mentions
    }

    #[test]
    fn ids_and_names_are_found() {
        let id = Uuid::from_u128(0x0196_a1b2_c3d4_7e5f_8a9b_0c1d_2e3f_4a5b);
        for text in [
            format!("/scim/v2/Users/{id}"),
            format!("{{\"members\":[{{\"value\":\"{id}\"}}]}}"),
            format!("members[value eq \"{}\"]", id.to_string().to_uppercase()),
            format!("x-{id}-y"),
        ] {
            assert!(of(&text).contain(Some(id), None), "{text}");
        }
        for text in [
            r#"{"UserName": "ADA@example.com"}"#,
            r#"userName eq "Ada@example.com""#,
            r#"{"filter":"username EQ \"ada@example.com\" and active eq true"}"#,
            r#"{"Operations":[{"op":"replace","value":"ada@example.com","Path":"userName"}]}"#,
            r#"{"userName":"ada@example.com","cut off":"#,
        ] {
            assert!(of(text).contain(None, Some("ada@EXAMPLE.com")), "{text}");
            assert!(!of(text).contain(Some(id), Some("ada")), "{text}");
        }
        assert_eq!(of(r#"{"userName":7,"x":"userName"} userName"#), Mentions::default());
    }

    #[test]
    fn mentions_are_bounded_and_have_a_stored_form() {
        let many =
            (0..2_000_u128).map(|number| format!("{} userName eq \"{number}\"", Uuid::from_u128(number)));
        let mut mentions = of(&many.collect::<String>());
        assert_eq!((mentions.ids.len(), mentions.names.len()), (MAX_IDS, MAX_NAMES));
        mentions.add_name("a\nb");
        assert_eq!(Mentions::parse(&mentions.to_text()), mentions);
        let digits = Uuid::from_u128(7).simple().to_string();
        mentions.names = BTreeSet::from([digits.clone()]);
        assert!(Mentions::parse(&mentions.to_text()).contain(None, Some(&digits)));
        mentions.retain_ids(|id| id.is_nil());
        assert_eq!(mentions, Mentions { ids: BTreeSet::from([Uuid::nil()]), names: BTreeSet::new() });
    }
}

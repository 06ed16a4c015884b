//! Names and places in many scripts, chosen because software often mishandles them: case folding, normalization, text
//! direction, joining characters, and characters outside the Basic Multilingual Plane.

use crate::support::table::{section, sections};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A region that generated users come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) locale: &'static str,
    pub(crate) timezone: &'static str,
    pub(crate) city: &'static str,
    pub(crate) street: &'static str,
    pub(crate) given: &'static [&'static str],
    pub(crate) family: &'static [&'static str],
    pub(crate) family_first: bool,
    pub(crate) right_to_left: bool,
}

const TABLE: &str = include_str!("names.txt");

pub(crate) static REGIONS: LazyLock<Vec<Region>> =
    LazyLock::new(|| sections(TABLE).into_iter().map(Region::read).collect());

impl Region {
    /// Reads a section of the table.
    fn read(locale: &'static str) -> Self {
        let fields: BTreeMap<_, _> = section(TABLE, locale).into_iter().collect();
        let text =
            |name: &str| string(serde_json::from_str(fields[name]).expect("the value is a JSON string"));
        let list = |name: &str| {
            let values: Vec<String> = serde_json::from_str(fields[name]).expect("the value is a JSON list");
            &*values.into_iter().map(string).collect::<Vec<_>>().leak()
        };
        Self {
            locale,
            timezone: text("timezone"),
            city: text("city"),
            street: text("street"),
            given: list("given"),
            family: list("family"),
            family_first: fields.contains_key("family first"),
            right_to_left: fields.contains_key("right to left"),
        }
    }

    /// The country code, which is the second part of the locale.
    pub(crate) fn country(&self) -> &'static str {
        &self.locale[3..]
    }
}

/// A string that lives as long as the test process.
fn string(text: String) -> &'static str {
    text.leak()
}

/// Emoji of one to seven code points, with skin tones, joiners, variation selectors, flags and tags.
pub(crate) const EMOJI: &[&str] = &[
    "🦀",
    "❤\u{fe0f}",
    "👩🏽\u{200d}💻",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "🏳\u{fe0f}\u{200d}🌈",
    "🇨🇭",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "1\u{fe0f}\u{20e3}",
];

/// Text that exposes incorrect quoting, escaping and formatting.
pub(crate) const SPECIAL_TEXTS: &[&str] = &[
    "Robert'); DROP TABLE users;--",
    "\" \\ / \u{8}\u{c}\n\r\t",
    "\u{1}\u{1f}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}",
    "\u{fffd}\u{fffe}\u{ffff}\u{10ffff}",
    "%s %n {0} ${HOME} {{x}} <b>&amp;</b>",
    "null",
    " leading and trailing ",
    "Z\u{351}\u{36b}\u{343}\u{32a}\u{302}a\u{33a}l\u{334}g\u{322}o\u{315}",
];

pub(crate) const DOMAINS: &[&str] = &["example.com", "mail.example.org", "bücher.example", "例子.example"];

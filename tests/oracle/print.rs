//! Prints a filter in one of its many equivalent spellings.

use crate::oracle::attribute::qualified;
use crate::oracle::filter::{Filter, Leaf, Path};
use crate::oracle::term::{Operand, Operator, Term};
use crate::oracle::tree::Tree;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use serde_json::json;

/// The text of a filter, and the values that are subject to limits.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) text: String,
    pub(crate) terms: usize,
    pub(crate) depth: usize,
}

impl Printed {
    /// Whether the filter is within the limits of docs/filters.md.
    pub(crate) fn is_within_limits(&self) -> bool {
        self.text.len() <= 4096 && self.terms <= 100 && self.depth <= 16
    }
}

/// Prints a filter: plainly in style 0, and with random case, URNs, escapes and spaces in any other style.
pub(crate) fn print(filter: &Filter, style: u64) -> Printed {
    let rng = (style != 0).then(|| XorShiftRng::seed_from_u64(style));
    let printed = Printed { text: String::new(), terms: 0, depth: 0 };
    let mut printer = Printer { printed, open: 0, rng };
    printer.tree(filter, Context::Any, &Printer::leaf);
    printer.printed
}

struct Printer {
    printed: Printed,
    open: usize,
    rng: Option<XorShiftRng>,
}

/// The context of a part of a filter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Any,
    /// An operand of `and`, where an `or` needs brackets.
    OperandOfAnd,
}

impl Printer {
    fn tree<T>(&mut self, tree: &Tree<T>, context: Context, leaf: &dyn Fn(&mut Self, &T)) {
        match tree {
            Tree::Leaf(inner) => leaf(self, inner),
            Tree::All(items) | Tree::Any(items) if items.len() == 1 => self.tree(&items[0], context, leaf),
            Tree::Any(_) if context == Context::OperandOfAnd => self.brackets('(', tree, ')', leaf),
            Tree::Any(items) => self.joined(items, "or", Context::Any, leaf),
            Tree::All(items) => self.joined(items, "and", Context::OperandOfAnd, leaf),
            Tree::Bracketed(inner) => self.brackets('(', inner, ')', leaf),
            Tree::Not(inner) => {
                self.word("not");
                // RFC 7644 has no space here in the grammar, but one in its examples.
                if !self.chance(20) {
                    self.push(" ");
                }
                self.brackets('(', inner, ')', leaf);
            }
        }
    }

    fn joined<T>(&mut self, items: &[Tree<T>], word: &str, context: Context, leaf: &dyn Fn(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(" ");
                self.word(word);
                self.push(" ");
            }
            self.tree(item, context, leaf);
        }
    }

    fn brackets<T>(&mut self, open: char, inner: &Tree<T>, close: char, leaf: &dyn Fn(&mut Self, &T)) {
        self.open += 1;
        self.printed.depth = self.printed.depth.max(self.open);
        self.printed.text.push(open);
        self.tree(inner, Context::Any, leaf);
        self.printed.text.push(close);
        self.open -= 1;
    }

    fn leaf(&mut self, leaf: &Leaf) {
        match leaf {
            Leaf::Term(term) => self.term(term),
            Leaf::Path(path) => self.path(path),
        }
    }

    fn path(&mut self, path: &Path) {
        self.name(path.list);
        self.brackets('[', &path.inner, ']', &Self::part);
        if let Some(tail) = &path.tail {
            self.push(".");
            self.part(tail);
        }
    }

    fn term(&mut self, term: &Term) {
        self.name(&term.attribute.name);
        self.comparison(term);
    }

    /// A term for an element, whose attribute names have no URN.
    fn part(&mut self, term: &Term) {
        self.word(&term.attribute.name);
        self.comparison(term);
    }

    fn name(&mut self, name: &str) {
        let qualified = qualified(name).filter(|_| self.chance(15));
        self.word(qualified.as_deref().unwrap_or(name));
    }

    fn comparison(&mut self, term: &Term) {
        self.printed.terms += 1;
        self.push(" ");
        self.word(term.operator.word());
        if term.operator != Operator::Present {
            self.push(" ");
            self.operand(&term.operand);
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Nothing => self.push("null"),
            Operand::Flag(flag) => self.push(&flag.to_string()),
            Operand::Number(number) => self.push(&number.to_string()),
            Operand::Text(text) => self.string(&text.exact),
            Operand::Time(_, written) => {
                // T and Z may be lower case (RFC 3339, section 5.6).
                let lower = self.chance(10);
                let written = if lower { written.to_ascii_lowercase() } else { written.clone() };
                self.string(&written);
            }
        }
    }

    /// A JSON string with random escapes.
    fn string(&mut self, text: &str) {
        self.push("\"");
        for char in text.chars() {
            if self.chance(8) {
                let mut units = [0; 2];
                for unit in char.encode_utf16(&mut units) {
                    self.push(&format!("\\u{unit:04x}"));
                }
            } else if char == '/' && self.chance(50) {
                self.push("\\/");
            } else {
                let quoted = json!(char.to_string()).to_string();
                self.push(&quoted[1..quoted.len() - 1]);
            }
        }
        self.push("\"");
    }

    /// A case-insensitive word.
    fn word(&mut self, word: &str) {
        let mixed = self.chance(25);
        for char in word.chars() {
            let other = mixed && self.chance(50);
            let char = match char.is_ascii_lowercase() {
                true if other => char.to_ascii_uppercase(),
                false if other => char.to_ascii_lowercase(),
                _ => char,
            };
            self.printed.text.push(char);
        }
    }

    fn push(&mut self, text: &str) {
        self.printed.text.push_str(text);
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.as_mut().is_some_and(|rng| rng.random_ratio(percent, 100))
    }
}

//! Parses the parts of a comparison: the name of an attribute, an operator and an operand.

use super::operand::{Mismatch, Operand, Operator, present, test};
use super::scanner::{Scanner, Token, TokenKind};
use super::{CustomTest, Filter, InvalidFilter, Path, TERM_LIMIT, all_of, custom, not};
use crate::domain::attribute::{Attribute, Kind};
use crate::domain::casefold::casefold;
use crate::domain::excerpt;
use crate::domain::json::{self, parse_boolean};
use crate::domain::schema::{Schema, Vocabulary};
use serde_json::{Number, Value};

/// The accepted spellings of booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booleans {
    /// `true` and `false`.
    Json,
    /// Also strings, in any case: Entra ID sends `primary eq "True"`.
    OrStrings,
}

/// The meaning of names: attributes of the resource, or sub-attributes of a list's elements.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Resource,
    Element(&'static Attribute),
}

/// The attribute that a comparison names.
pub(super) struct Target {
    /// The byte at which the name begins.
    pub(super) at: usize,
    pub(super) attribute: &'static Attribute,
    /// The list that contains the attribute, if any.
    pub(super) list: Option<&'static Attribute>,
    /// The path from the resource, or from an element of the list.
    pub(super) path: Path,
}

/// A comparison without its target's list.
pub(super) struct Comparison {
    pub(super) filter: Filter,
    /// Whether the filter is to be negated. The negation must enclose the list: `emails ne "x"` means that no e-mail is x.
    pub(super) negated: bool,
}

pub(super) struct Terms<'t> {
    pub(super) scanner: Scanner<'t>,
    schema: &'static Schema,
    vocabulary: Vocabulary,
    booleans: Booleans,
    /// The number of comparisons so far.
    count: usize,
}

impl<'t> Terms<'t> {
    pub(super) fn new(
        text: &'t str,
        schema: &'static Schema,
        vocabulary: Vocabulary,
        booleans: Booleans,
    ) -> Result<Self, InvalidFilter> {
        Ok(Self { scanner: Scanner::new(text)?, schema, vocabulary, booleans, count: 0 })
    }

    /// Parses the name of an attribute.
    pub(super) fn target(&mut self, scope: Scope) -> Result<Target, InvalidFilter> {
        let token = self.scanner.take()?;
        let TokenKind::Word(name) = token.kind else {
            return Err(self.scanner.expected("the name of an attribute", &token));
        };
        let (chain, of) = match scope {
            Scope::Resource => (self.vocabulary.find_filterable(self.schema, name), self.schema.plural),
            Scope::Element(list) => (list.part(name).map(|part| vec![part]), list.name),
        };
        let Some((attribute, chain)) = chain.as_deref().and_then(|chain| Some((*chain.last()?, chain)))
        else {
            return Err(self.unknown(token.at, name, of));
        };
        self.check_comparable(token.at, attribute, name)?;
        let (list, inner) = match chain {
            [list @ Attribute { kind: Kind::List(_), .. }, inner @ ..] => (Some(*list), inner),
            inner => (None, inner),
        };
        let path = inner.iter().map(|attribute| attribute.name).collect();
        Ok(Target { at: token.at, attribute, list, path })
    }

    pub(super) fn check_comparable(
        &self,
        at: usize,
        attribute: &Attribute,
        name: &str,
    ) -> Result<(), InvalidFilter> {
        if matches!(attribute.kind, Kind::Opaque) {
            let detail = format!("{} cannot be filtered by {}", self.schema.plural, excerpt(name));
            return Err(self.scanner.error(at, detail));
        }
        Ok(())
    }

    /// Parses a comparison with a value in `custom`. Returns `None` unless the next token is the name of such a value.
    pub(super) fn custom(&mut self, scope: Scope) -> Result<Option<Filter>, InvalidFilter> {
        let (Scope::Resource, Vocabulary::Native, TokenKind::Word(name)) =
            (scope, self.vocabulary, &self.scanner.peek().kind)
        else {
            return Ok(None);
        };
        let Some(path) = custom::path(name) else { return Ok(None) };
        let at = self.scanner.take()?.at;
        self.count_term(at)?;
        let (operator_at, operator) = self.operator()?;
        let Some((operator, negated)) = operator else {
            return Ok(Some(Filter::Custom { path, test: CustomTest::Present }));
        };
        let (operand_at, operand) = self.operand()?;
        let (test, negated) = match (operator, operand) {
            (Operator::Eq, Operand::Null) => (CustomTest::Present, !negated),
            (operator, operand) => {
                let test = custom::test(operator, &operand).map_err(|mismatch| match mismatch {
                    Mismatch::Operator(detail) => self.scanner.error(operator_at, detail),
                    Mismatch::Target(detail) | Mismatch::Operand(detail) => {
                        self.scanner.error(operand_at, detail)
                    }
                })?;
                (test, negated)
            }
        };
        let filter = Filter::Custom { path, test };
        Ok(Some(if negated { not(filter) } else { filter }))
    }

    fn count_term(&mut self, at: usize) -> Result<(), InvalidFilter> {
        self.count += 1;
        if self.count > TERM_LIMIT {
            let detail = format!("a filter must have at most {TERM_LIMIT} terms");
            return Err(self.scanner.error(at, detail));
        }
        Ok(())
    }

    /// Parses an operator and its operand.
    pub(super) fn comparison(&mut self, target: &Target) -> Result<Comparison, InvalidFilter> {
        self.count_term(target.at)?;
        let (operator_at, operator) = self.operator()?;
        let Some((operator, negated)) = operator else {
            return Ok(Comparison { filter: target.present(), negated: false });
        };
        let (operand_at, operand) = self.operand()?;
        if operand == Operand::Null {
            return match operator {
                Operator::Eq => Ok(Comparison { filter: target.present(), negated: !negated }),
                _ => Err(self.scanner.error(operand_at, "null supports only the operators eq and ne")),
            };
        }
        let filter = self.compare(target, operator, operand).map_err(|mismatch| match mismatch {
            Mismatch::Target(detail) => self.scanner.error(target.at, detail),
            Mismatch::Operator(detail) => self.scanner.error(operator_at, detail),
            Mismatch::Operand(detail) => self.scanner.error(operand_at, detail),
        })?;
        Ok(Comparison { filter, negated })
    }

    /// Parses an operator and whether it is negated; `None` for `pr`, which has no operand.
    fn operator(&mut self) -> Result<(usize, Option<(Operator, bool)>), InvalidFilter> {
        let token = self.scanner.take()?;
        let TokenKind::Word(word) = token.kind else {
            return Err(self.scanner.expected("an operator", &token));
        };
        if word.eq_ignore_ascii_case("pr") {
            return Ok((token.at, None));
        }
        let negated = word.eq_ignore_ascii_case("ne");
        match if negated { Some(Operator::Eq) } else { word.parse().ok() } {
            Some(operator) => Ok((token.at, Some((operator, negated)))),
            None => Err(self.scanner.error(token.at, format!("'{}' is not an operator", excerpt(word)))),
        }
    }

    /// The filter for a comparison. Attributes that exist only in SCIM become a constant filter or one on other
    /// attributes.
    fn compare(&self, target: &Target, operator: Operator, operand: Operand) -> Result<Filter, Mismatch> {
        let Some((path, attribute)) = target.value() else {
            let detail = format!("{} has no value; specify one of its sub-attributes", target.attribute.name);
            return Err(Mismatch::Target(detail));
        };
        let operand = match (&attribute.kind, self.booleans, operand) {
            (Kind::Boolean, Booleans::OrStrings, Operand::Text(text)) => {
                parse_boolean(&text).map_or(Operand::Text(text), Operand::Boolean)
            }
            (.., operand) => operand,
        };
        if matches!(attribute.kind, Kind::Urns) {
            return self.has_schema(operator, &operand);
        }
        let test = test(attribute, self.vocabulary.name_of(attribute), operator, &operand)?;
        Ok(match attribute.kind {
            Kind::Constant(value) if test.matches(&casefold(value).into()) => Filter::All(Vec::new()),
            Kind::Constant(_) => Filter::Any(Vec::new()),
            _ => Filter::Is(path, test),
        })
    }

    /// The filter for resources to which a schema applies. Other extensions are not indexed, so their URNs are rejected.
    fn has_schema(&self, operator: Operator, operand: &Operand) -> Result<Filter, Mismatch> {
        if operator != Operator::Eq {
            return Err(Mismatch::Operator("schemas supports only the operators eq, ne and pr".to_owned()));
        }
        let Operand::Text(urn) = operand else {
            return Err(Mismatch::Operand("schemas must be compared with a string".to_owned()));
        };
        let unknown = || format!("{} cannot be filtered by schemas other than their own", self.schema.plural);
        let attributes = self.schema.of_urn(urn).ok_or_else(|| Mismatch::Operand(unknown()))?;
        Ok(all_of(attributes.iter().map(|attribute| present(attribute, vec![attribute.name])).collect()))
    }

    fn operand(&mut self) -> Result<(usize, Operand), InvalidFilter> {
        let token = self.scanner.take()?;
        let operand = match &token.kind {
            TokenKind::Text(text) => Some(Operand::Text(text.clone())),
            TokenKind::Word("true") => Some(Operand::Boolean(true)),
            TokenKind::Word("false") => Some(Operand::Boolean(false)),
            TokenKind::Word("null") => Some(Operand::Null),
            TokenKind::Word(word) => parse_number(word).map(Operand::Number),
            _ => None,
        };
        let expected = "a string in double quotes, a number, true, false or null";
        let unexpected = |token: &Token<'_>| self.scanner.expected(expected, token);
        operand.map(|operand| (token.at, operand)).ok_or_else(|| unexpected(&token))
    }

    pub(super) fn unknown(&self, at: usize, name: &str, of: &str) -> InvalidFilter {
        self.scanner.error(at, format!("'{}' is not an attribute of {of}", excerpt(name)))
    }
}

/// Parses a JSON number. A float that equals an integer becomes that integer, as in stored documents.
fn parse_number(word: &str) -> Option<Number> {
    match json::parse(word.as_bytes()) {
        Ok(Value::Number(number)) => Some(number),
        _ => None,
    }
}

impl Target {
    /// The value that is compared: for a list or an object, its sub-attribute `value` (RFC 7644, section 3.4.2.2).
    fn value(&self) -> Option<(Path, &'static Attribute)> {
        match self.attribute.kind {
            Kind::List(_) => self.attribute.part("value").map(|value| (vec![value.name], value)),
            Kind::Object(_) => {
                let value = self.attribute.part("value")?;
                Some(([self.path.as_slice(), &[value.name]].concat(), value))
            }
            _ => Some((self.path.clone(), self.attribute)),
        }
    }

    /// The filter for a value that is present. A list is present when it has an element.
    fn present(&self) -> Filter {
        match self.attribute.kind {
            Kind::List(_) => Filter::All(Vec::new()),
            _ => present(self.attribute, self.path.clone()),
        }
    }
}

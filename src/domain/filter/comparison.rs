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

/// The accepted types of literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literals {
    /// The type of the attribute.
    Typed,
    /// Also a string instead of a boolean, in any case, and a number instead of a string: Entra ID sends
    /// `primary eq "True"`.
    Converted,
}

/// The meaning of the names and literals in a filter.
#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// The schema of the resources to which the filter applies.
    pub schema: &'static Schema,
    /// The schemas of other resources in the same search. Attributes that only these schemas have can be named; they have
    /// no value (RFC 7644, section 3.4.2.1).
    pub others: &'static [&'static Schema],
    #[expect(missing_docs, reason = "the type documents it")]
    pub vocabulary: Vocabulary,
    #[expect(missing_docs, reason = "the type documents it")]
    pub literals: Literals,
}

/// The meaning of names: attributes of the resource, or sub-attributes of a list's elements.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Resource,
    Element(&'static Attribute),
}

/// The attribute that a comparison names.
pub(super) struct Target<'t> {
    /// The byte at which the name begins.
    pub(super) at: usize,
    /// The name as it was sent.
    pub(super) name: &'t str,
    /// Whether only other resource types have the attribute.
    pub(super) is_foreign: bool,
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
    language: Language,
    /// The names of the attributes whose operands were converted.
    pub(super) converted: Vec<&'t str>,
    /// The number of comparisons so far.
    count: usize,
}

impl<'t> Terms<'t> {
    pub(super) fn new(text: &'t str, language: Language) -> Result<Self, InvalidFilter> {
        Ok(Self { scanner: Scanner::new(text)?, language, converted: Vec::new(), count: 0 })
    }

    /// Parses the name of an attribute.
    pub(super) fn target(&mut self, scope: Scope) -> Result<Target<'t>, InvalidFilter> {
        let token = self.scanner.take()?;
        let TokenKind::Word(name) = token.kind else {
            return Err(self.scanner.expected("the name of an attribute", &token));
        };
        let found = match scope {
            Scope::Resource => self.find(name),
            Scope::Element(list) => list.part(name).map(|part| (vec![part], false)),
        };
        let (chain, is_foreign) = found.unwrap_or_default();
        let [.., attribute] = chain[..] else {
            return Err(match scope {
                Scope::Resource => self.unknown(token.at, name, &self.resources()),
                Scope::Element(list) => self.unknown(token.at, name, list.name),
            });
        };
        self.check_comparable(token.at, attribute, name)?;
        let (list, inner) = match chain.as_slice() {
            [list @ Attribute { kind: Kind::List(_), .. }, inner @ ..] => (Some(*list), inner),
            inner => (None, inner),
        };
        let path = inner.iter().map(|attribute| attribute.name).collect();
        Ok(Target { at: token.at, name, is_foreign, attribute, list, path })
    }

    /// Finds an attribute, preceded by the attributes that contain it, and whether only other resource types have it.
    fn find(&self, name: &str) -> Option<(Vec<&'static Attribute>, bool)> {
        let Language { schema, others, vocabulary, .. } = self.language;
        let own = vocabulary.find_filterable(schema, name).map(|chain| (chain, false));
        let foreign = || others.iter().find_map(|schema| vocabulary.find_filterable(schema, name));
        own.or_else(|| foreign().map(|chain| (chain, true)))
    }

    /// The types of resources in the search, for errors.
    fn resources(&self) -> String {
        let Language { schema, others, .. } = self.language;
        let others = others.iter().map(|other| other.plural).filter(|plural| *plural != schema.plural);
        [schema.plural].into_iter().chain(others).collect::<Vec<_>>().join(" or ")
    }

    pub(super) fn check_comparable(
        &self,
        at: usize,
        attribute: &Attribute,
        name: &str,
    ) -> Result<(), InvalidFilter> {
        if matches!(attribute.kind, Kind::Opaque) {
            let detail = format!("{} cannot be filtered by {}", self.language.schema.plural, excerpt(name));
            return Err(self.scanner.error(at, detail));
        }
        Ok(())
    }

    /// Parses a comparison with a value in `custom`. Returns `None` unless the next token is the name of such a value.
    pub(super) fn custom(&mut self, scope: Scope) -> Result<Option<Filter>, InvalidFilter> {
        let (Scope::Resource, Vocabulary::Native, TokenKind::Word(name)) =
            (scope, self.language.vocabulary, &self.scanner.peek().kind)
        else {
            return Ok(None);
        };
        let has_custom = self.language.schema.attributes.iter().any(|attribute| attribute.name == "custom");
        let Some(path) = custom::path(name).filter(|_| has_custom) else { return Ok(None) };
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
    pub(super) fn comparison(&mut self, target: &Target<'t>) -> Result<Comparison, InvalidFilter> {
        self.count_term(target.at)?;
        let (operator_at, operator) = self.operator()?;
        let Some((operator, negated)) = operator else {
            return Ok(Comparison { filter: target.present(), negated: false });
        };
        let literal = self.scanner.peek().kind.word();
        let (operand_at, operand) = self.operand()?;
        if operand == Operand::Null {
            return match operator {
                Operator::Eq => Ok(Comparison { filter: target.present(), negated: !negated }),
                _ => Err(self.scanner.error(operand_at, "null supports only the operators eq and ne")),
            };
        }
        let filter =
            self.compare(target, operator, (operand, literal)).map_err(|mismatch| match mismatch {
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
    fn compare(
        &mut self,
        target: &Target<'t>,
        operator: Operator,
        (operand, literal): (Operand, &str),
    ) -> Result<Filter, Mismatch> {
        let Some((path, attribute)) = target.value() else {
            let detail = format!("{} has no value; specify one of its sub-attributes", target.attribute.name);
            return Err(Mismatch::Target(detail));
        };
        let converted = match self.language.literals {
            Literals::Typed => None,
            Literals::Converted => convert(&attribute.kind, operator, &operand, literal),
        };
        self.converted.extend(converted.is_some().then_some(target.name));
        let operand = converted.unwrap_or(operand);
        if matches!(attribute.kind, Kind::Urns) {
            return self.has_schema(operator, &operand);
        }
        let test = test(attribute, self.language.vocabulary.name_of(attribute), operator, &operand)?;
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
        let Language { schema, others, .. } = self.language;
        match schema.of_urn(urn) {
            Some(attributes) => {
                let present = attributes.iter().map(|attribute| present(attribute, vec![attribute.name]));
                Ok(all_of(present.collect()))
            }
            None if others.iter().any(|other| other.of_urn(urn).is_some()) => Ok(Filter::Any(Vec::new())),
            None => {
                let resources = self.resources();
                let detail = format!("{resources} cannot be filtered by schemas other than their own");
                Err(Mismatch::Operand(detail))
            }
        }
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

/// Converts a string to the boolean, or a number to the string, that the attribute requires. `None` if there is nothing to
/// convert. Numbers and strings have different orders, so a number is not converted for comparisons by order.
fn convert(kind: &Kind, operator: Operator, operand: &Operand, literal: &str) -> Option<Operand> {
    match (kind, operand) {
        (Kind::Boolean, Operand::Text(text)) => parse_boolean(text).map(Operand::Boolean),
        (Kind::Text | Kind::Exact | Kind::Id, Operand::Number(number)) if !operator.is_order() => {
            let is_integer = literal.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
            // The parser rounds an integer beyond 64 bits.
            let text = if is_integer { literal.to_owned() } else { number.to_string() };
            Some(Operand::Text(text))
        }
        _ => None,
    }
}

impl Target<'_> {
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

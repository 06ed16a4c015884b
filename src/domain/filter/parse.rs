//! The grammar of RFC 7644, figure 1, read once from left to right into a tree that knows its attributes. On top of it
//! a value path may be followed by a part and an operator, as Entra ID sends it: `emails[type eq "work"].value eq "x"`.

use super::operand::{Misfit, Operand, Operator, both, present, test};
use super::scanner::{Scanner, Token, TokenKind};
use super::{DEPTH_LIMIT, Filter, InvalidFilter, LENGTH_LIMIT, Path, TERM_LIMIT};
use crate::domain::attribute::{Attribute, Kind, Schema, USERS, Vocabulary};
use crate::domain::fold::fold;

impl Filter {
    /// Reads a filter of resources. The limits are kept before anything else is done with it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its position.
    pub fn parse(text: &str, schema: &'static Schema, vocabulary: Vocabulary) -> Result<Self, InvalidFilter> {
        Self::parse_with(text, schema, vocabulary, Booleans::Json)
    }

    /// The same with this spelling of booleans.
    ///
    /// # Errors
    /// The first thing that is wrong, with its position.
    pub fn parse_with(
        text: &str,
        schema: &'static Schema,
        vocabulary: Vocabulary,
        booleans: Booleans,
    ) -> Result<Self, InvalidFilter> {
        let mut parser = Parser::new(text, schema, vocabulary, booleans)?;
        let filter = parser.any(Scope::Resource)?;
        match parser.scanner.peek() {
            Token { kind: TokenKind::End, .. } => Ok(filter),
            token => Err(parser.expected("'and', 'or' or the end", token)),
        }
    }
}

/// How true and false may be spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booleans {
    /// As JSON has them.
    Json,
    /// Also as strings in any case: Entra ID sends `primary eq "True"`.
    OrStrings,
}

/// What stands in the brackets of a path and behind them.
#[derive(Debug)]
pub struct Brackets<'t> {
    /// What an element of the list must fulfil.
    pub filter: Filter,
    /// The strings in the filter as they were sent: the filter has them folded.
    pub strings: Vec<String>,
    /// The text behind the brackets.
    pub behind: &'t str,
}

impl<'t> Brackets<'t> {
    /// Reads a text that begins with the brackets of a PATCH path (RFC 7644, figure 7) about this list.
    ///
    /// # Errors
    /// The first thing that is wrong, with its position.
    pub fn read(text: &'t str, list: &'static Attribute, booleans: Booleans) -> Result<Self, InvalidFilter> {
        let mut parser = Parser::new(text, &USERS, Vocabulary::Scim, booleans)?;
        let filter = parser.within('[', ']', Scope::Element(list))?;
        let (brackets, behind) = text.split_at_checked(parser.scanner.peek().at).unwrap_or((text, ""));
        Ok(Self { filter, strings: Scanner::strings(brackets)?, behind })
    }
}

/// What names mean: attributes of the resource, or parts of a list's elements.
#[derive(Clone, Copy)]
enum Scope {
    Resource,
    Element(&'static Attribute),
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    schema: &'static Schema,
    vocabulary: Vocabulary,
    booleans: Booleans,
    terms: usize,
    depth: usize,
}

/// What a term is about.
struct Subject {
    /// The byte at which its name begins.
    at: usize,
    attribute: &'static Attribute,
    /// The list in whose elements it stands.
    list: Option<&'static Attribute>,
    /// From the resource, or from the element.
    path: Path,
}

/// What a term says of its subject.
struct Comparison {
    holds: Filter,
    negated: bool,
}

impl<'t> Parser<'t> {
    fn new(
        text: &'t str,
        schema: &'static Schema,
        vocabulary: Vocabulary,
        booleans: Booleans,
    ) -> Result<Self, InvalidFilter> {
        if text.len() > LENGTH_LIMIT {
            let position = text.char_indices().take_while(|(at, _)| *at < LENGTH_LIMIT).count() + 1;
            return Err(InvalidFilter { position, detail: "a filter must have at most 4 KiB".to_owned() });
        }
        Ok(Self { scanner: Scanner::new(text)?, schema, vocabulary, booleans, terms: 0, depth: 0 })
    }

    /// `or` binds weakest.
    fn any(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        let mut parts = vec![self.all(scope)?];
        while self.scanner.take_keyword("or")? {
            parts.push(self.all(scope)?);
        }
        Ok(group(parts, Filter::Any))
    }

    fn all(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        let mut parts = vec![self.one(scope)?];
        while self.scanner.take_keyword("and")? {
            parts.push(self.one(scope)?);
        }
        Ok(all_of(parts))
    }

    fn one(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        let negated = self.scanner.take_keyword("not")?;
        let token = self.scanner.peek();
        if token.kind == TokenKind::Bracket('(') {
            let group = self.within('(', ')', scope)?;
            return Ok(if negated { not(group) } else { group });
        }
        if negated { Err(self.expected("'(' after 'not'", token)) } else { self.term(scope) }
    }

    /// Reads what stands between two brackets.
    fn within(&mut self, open: char, close: char, scope: Scope) -> Result<Filter, InvalidFilter> {
        let at = self.scanner.peek().at;
        if self.depth == DEPTH_LIMIT {
            return Err(self
                .scanner
                .error(at, format!("brackets must be nested at most {DEPTH_LIMIT} deep")));
        }
        self.depth += 1;
        self.scanner.take_bracket(open)?;
        let filter = self.any(scope)?;
        if !self.scanner.take_bracket(close)? {
            return Err(self.expected(&format!("'and', 'or' or '{close}'"), self.scanner.peek()));
        }
        self.depth -= 1;
        Ok(filter)
    }

    /// A comparison, or a value path with or without one behind it.
    fn term(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        let subject = self.subject(scope)?;
        if self.scanner.peek().kind == TokenKind::Bracket('[') {
            return self.value_path(scope, &subject);
        }
        let Comparison { holds, negated } = self.comparison(&subject)?;
        let filter = match subject.list {
            Some(list) => element(list, holds),
            None => holds,
        };
        Ok(if negated { not(filter) } else { filter })
    }

    fn value_path(&mut self, scope: Scope, subject: &Subject) -> Result<Filter, InvalidFilter> {
        let bracket = self.scanner.peek().at;
        let list = subject.attribute;
        if matches!(scope, Scope::Element(_)) || !matches!(list.kind, Kind::List(_)) {
            return Err(self
                .scanner
                .error(bracket, "'[' must follow the name of a list, and not inside another '['"));
        }
        let inner = self.within('[', ']', Scope::Element(list))?;
        let Token { at, kind: TokenKind::Word(word) } = *self.scanner.peek() else {
            return Ok(element(list, inner));
        };
        let Some(name) = word.strip_prefix('.') else { return Ok(element(list, inner)) };
        self.scanner.take()?;
        let Some(part) = list.part(name) else { return Err(self.unknown(at, name, list.name)) };
        self.check_comparable(at, part, &format!("{}.{name}", list.name))?;
        let subject = Subject { at, attribute: part, list: None, path: vec![part.name] };
        let Comparison { holds, negated } = self.comparison(&subject)?;
        let filter = element(list, all_of(vec![inner, holds]));
        Ok(if negated { not(filter) } else { filter })
    }

    fn subject(&mut self, scope: Scope) -> Result<Subject, InvalidFilter> {
        let token = self.scanner.take()?;
        let TokenKind::Word(name) = token.kind else {
            return Err(self.expected("the name of an attribute", &token));
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
        Ok(Subject { at: token.at, attribute, list, path })
    }

    fn check_comparable(&self, at: usize, attribute: &Attribute, name: &str) -> Result<(), InvalidFilter> {
        if matches!(attribute.kind, Kind::Opaque) {
            let detail = format!("{} cannot be filtered by {}", self.schema.plural, excerpt(name));
            return Err(self.scanner.error(at, detail));
        }
        Ok(())
    }

    /// Reads an operator and what it takes.
    fn comparison(&mut self, subject: &Subject) -> Result<Comparison, InvalidFilter> {
        self.terms += 1;
        if self.terms > TERM_LIMIT {
            return Err(self
                .scanner
                .error(subject.at, format!("a filter must have at most {TERM_LIMIT} terms")));
        }
        let token = self.scanner.take()?;
        let TokenKind::Word(word) = token.kind else { return Err(self.expected("an operator", &token)) };
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Comparison { holds: subject.present(), negated: false });
        }
        let negated = word.eq_ignore_ascii_case("ne");
        let operator = if negated { Some(Operator::Eq) } else { Operator::named(word) };
        let Some(operator) = operator else {
            return Err(self.scanner.error(token.at, format!("'{}' is not an operator", excerpt(word))));
        };
        let (at, operand) = self.operand()?;
        if operand == Operand::Null {
            let equality = operator == Operator::Eq;
            let refused = || self.scanner.error(at, "null is compared by eq and ne only");
            return equality
                .then(|| Comparison { holds: subject.present(), negated: !negated })
                .ok_or_else(refused);
        }
        let Some((path, attribute)) = subject.value() else {
            let detail = format!("{} has no value of its own: name one of its parts", subject.attribute.name);
            return Err(self.scanner.error(subject.at, detail));
        };
        let operand = match (&attribute.kind, self.booleans, operand) {
            (Kind::Boolean, Booleans::OrStrings, Operand::Text(text)) => boolean(text),
            (.., operand) => operand,
        };
        let holds = self.holds(path, attribute, operator, &operand).map_err(|misfit| match misfit {
            Misfit::Operator(detail) => self.scanner.error(token.at, detail),
            Misfit::Operand(detail) => self.scanner.error(at, detail),
        })?;
        Ok(Comparison { holds, negated })
    }

    /// What a resource must fulfil: nothing, or what nothing can, where that is the same for all.
    fn holds(
        &self,
        path: Path,
        attribute: &'static Attribute,
        operator: Operator,
        operand: &Operand,
    ) -> Result<Filter, Misfit> {
        if matches!(attribute.kind, Kind::Urns) {
            return self.is_of_schema(operator, operand);
        }
        let test = test(attribute, operator, operand)?;
        Ok(match attribute.kind {
            Kind::Constant(value) if test.passes(&fold(value).into()) => Filter::All(Vec::new()),
            Kind::Constant(_) => Filter::Any(Vec::new()),
            _ => Filter::Is(path, test),
        })
    }

    /// That a resource is of a schema. Those that Roster does not know are in no column.
    fn is_of_schema(&self, operator: Operator, operand: &Operand) -> Result<Filter, Misfit> {
        if operator != Operator::Eq {
            return Err(Misfit::Operator("schemas can be compared by eq, ne and pr only".to_owned()));
        }
        let Operand::Text(urn) = operand else {
            return Err(Misfit::Operand("schemas is compared with a string".to_owned()));
        };
        let unknown = || format!("{} cannot be filtered by schemas other than their own", self.schema.plural);
        let attributes = self.schema.of_urn(urn).ok_or_else(|| Misfit::Operand(unknown()))?;
        Ok(all_of(attributes.iter().map(|attribute| present(attribute, vec![attribute.name])).collect()))
    }

    fn operand(&mut self) -> Result<(usize, Operand), InvalidFilter> {
        let token = self.scanner.take()?;
        let operand = match &token.kind {
            TokenKind::Text(text) => Some(Operand::Text(text.clone())),
            TokenKind::Word("true") => Some(Operand::Boolean(true)),
            TokenKind::Word("false") => Some(Operand::Boolean(false)),
            TokenKind::Word("null") => Some(Operand::Null),
            TokenKind::Word(word) => serde_json::from_str(word).ok().map(Operand::Number),
            _ => None,
        };
        match operand {
            Some(operand) => Ok((token.at, operand)),
            None => Err(self.expected("a string in double quotes, a number, true, false or null", &token)),
        }
    }

    fn unknown(&self, at: usize, name: &str, of: &str) -> InvalidFilter {
        self.scanner.error(at, format!("'{}' is not an attribute of {of}", excerpt(name)))
    }

    fn expected(&self, what: &str, found: &Token<'_>) -> InvalidFilter {
        let found_text = match &found.kind {
            TokenKind::Word(word) => format!("'{}'", excerpt(word)),
            TokenKind::Text(_) => "a string".to_owned(),
            TokenKind::Bracket(bracket) => format!("'{bracket}'"),
            TokenKind::End => "the end".to_owned(),
        };
        self.scanner.error(found.at, format!("{what} is expected, not {found_text}"))
    }
}

impl Subject {
    /// What is compared: of a list or an object its part `value` (RFC 7644, section 3.4.2.2).
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

    fn present(&self) -> Filter {
        match self.attribute.kind {
            // A list has a value when it has an element.
            Kind::List(_) => Filter::All(Vec::new()),
            _ => present(self.attribute, self.path.clone()),
        }
    }
}

/// The boolean that a string spells, or the string.
fn boolean(text: String) -> Operand {
    let spelt = [true, false].into_iter().find(|value| value.to_string().eq_ignore_ascii_case(&text));
    spelt.map_or(Operand::Text(text), Operand::Boolean)
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn element(list: &Attribute, test: Filter) -> Filter {
    Filter::Element { list: list.name, test: Box::new(test) }
}

/// One part needs nothing around it.
fn group(mut parts: Vec<Filter>, of_many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(part) if parts.is_empty() => part,
        last => of_many(parts.into_iter().chain(last).collect()),
    }
}

/// An `and` without one inside.
fn all_of(parts: Vec<Filter>) -> Filter {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Filter::All(inner) => inner.into_iter().for_each(|part| add(&mut flat, part)),
            part => add(&mut flat, part),
        }
    }
    group(flat, Filter::All)
}

/// Adds a part to an `and`; two ranges of one value become one, so that both ends bound the reading of an index.
fn add(parts: &mut Vec<Filter>, part: Filter) {
    if let Filter::Is(path, test) = &part {
        for earlier in parts.iter_mut() {
            if let Filter::Is(same, range) = earlier
                && same == path
                && let Some(narrower) = both(range, test)
            {
                *range = narrower;
                return;
            }
        }
    }
    parts.push(part);
}

/// As much of a word as an error needs.
fn excerpt(word: &str) -> String {
    word.chars().take(100).collect()
}

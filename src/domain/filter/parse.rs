//! A recursive-descent parser for the grammar of RFC 7644, figure 1, that resolves attribute names as it goes. It also
//! accepts a sub-attribute and an operator after a value path, which Entra ID sends:
//! `emails[type eq "work"].value eq "x"`.

use super::comparison::{Comparison, Language, Literals, Scope, Target, Terms};
use super::scanner::{Scanner, Token, TokenKind};
use super::{DEPTH_LIMIT, Filter, InvalidFilter, LENGTH_LIMIT, all_of, combine, not};
use crate::domain::attribute::{Attribute, Kind};
use crate::domain::schema::{Schema, USERS, Vocabulary};

impl Filter {
    /// Parses a filter of resources. A filter beyond the limits is rejected before anything else.
    ///
    /// # Errors
    /// The first error, with its position.
    pub fn parse(text: &str, schema: &'static Schema, vocabulary: Vocabulary) -> Result<Self, InvalidFilter> {
        let language = Language { schema, others: &[], vocabulary, literals: Literals::Typed };
        Parsed::parse(text, language).map(|parsed| parsed.filter)
    }
}

/// A filter, and what was converted to read it.
#[derive(Debug)]
pub struct Parsed<'t> {
    #[expect(missing_docs, reason = "the name is self-explanatory")]
    pub filter: Filter,
    /// The names of the attributes whose operands were converted, as they were sent.
    pub converted: Vec<&'t str>,
}

impl<'t> Parsed<'t> {
    /// Parses a filter in the given language. A filter beyond the limits is rejected before anything else.
    ///
    /// # Errors
    /// The first error, with its position.
    pub fn parse(text: &'t str, language: Language) -> Result<Self, InvalidFilter> {
        let mut parser = Parser::new(text, language)?;
        let filter = parser.any(Scope::Resource)?;
        match parser.terms.scanner.peek() {
            Token { kind: TokenKind::End, .. } => Ok(Self { filter, converted: parser.terms.converted }),
            token => Err(parser.terms.scanner.expected("'and', 'or' or the end", token)),
        }
    }
}

/// The filter in the brackets of a PATCH path.
#[derive(Debug)]
pub struct ValueFilter<'t> {
    /// The condition on an element of the list.
    pub filter: Filter,
    /// The strings in the filter as they were sent, because the filter itself contains them case-folded.
    pub strings: Vec<String>,
    /// The names of the sub-attributes whose operands were converted, as they were sent.
    pub converted: Vec<&'t str>,
    /// The text after the brackets.
    pub rest: &'t str,
}

impl<'t> ValueFilter<'t> {
    /// Parses the part of a PATCH path (RFC 7644, figure 7) that starts with the brackets after the name of a list.
    ///
    /// # Errors
    /// The first error, with its position.
    pub fn parse(text: &'t str, list: &'static Attribute, literals: Literals) -> Result<Self, InvalidFilter> {
        let language = Language { schema: &USERS, others: &[], vocabulary: Vocabulary::Scim, literals };
        let mut parser = Parser::new(text, language)?;
        let filter = parser.within('[', ']', Scope::Element(list))?;
        let (brackets, rest) = text.split_at_checked(parser.terms.scanner.peek().at).unwrap_or((text, ""));
        Ok(Self { filter, strings: Scanner::strings(brackets)?, converted: parser.terms.converted, rest })
    }
}

struct Parser<'t> {
    terms: Terms<'t>,
    /// The number of open parentheses and brackets.
    depth: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, language: Language) -> Result<Self, InvalidFilter> {
        if text.len() > LENGTH_LIMIT {
            let position = text.char_indices().take_while(|(at, _)| *at < LENGTH_LIMIT).count() + 1;
            return Err(InvalidFilter { position, detail: "a filter must not exceed 4 KiB".to_owned() });
        }
        Ok(Self { terms: Terms::new(text, language)?, depth: 0 })
    }

    /// Parses operands of `or`, which has the lowest precedence.
    fn any(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        let mut parts = vec![self.all(scope)?];
        while self.terms.scanner.take_keyword("or")? {
            parts.push(self.all(scope)?);
        }
        Ok(combine(parts, Filter::Any))
    }

    /// Parses operands of `and`.
    fn all(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        let mut parts = vec![self.one(scope)?];
        while self.terms.scanner.take_keyword("and")? {
            parts.push(self.one(scope)?);
        }
        Ok(all_of(parts))
    }

    /// Parses a group in parentheses, with or without `not`, or a term.
    fn one(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        let negated = self.terms.scanner.take_keyword("not")?;
        let token = self.terms.scanner.peek();
        if token.kind == TokenKind::Bracket('(') {
            let group = self.within('(', ')', scope)?;
            return Ok(if negated { not(group) } else { group });
        }
        if negated { Err(self.terms.scanner.expected("'(' after 'not'", token)) } else { self.term(scope) }
    }

    /// Parses a filter between an opening and a closing bracket.
    fn within(&mut self, open: char, close: char, scope: Scope) -> Result<Filter, InvalidFilter> {
        if self.depth == DEPTH_LIMIT {
            let detail = format!("brackets must be nested at most {DEPTH_LIMIT} levels deep");
            return Err(self.terms.scanner.error(self.terms.scanner.peek().at, detail));
        }
        self.depth += 1;
        self.terms.scanner.take_bracket(open)?;
        let filter = self.any(scope)?;
        if !self.terms.scanner.take_bracket(close)? {
            let expected = format!("'and', 'or' or '{close}'");
            return Err(self.terms.scanner.expected(&expected, self.terms.scanner.peek()));
        }
        self.depth -= 1;
        Ok(filter)
    }

    /// Parses a comparison or a value path.
    fn term(&mut self, scope: Scope) -> Result<Filter, InvalidFilter> {
        if let Some(filter) = self.terms.custom(scope)? {
            return Ok(filter);
        }
        let target = self.terms.target(scope)?;
        if self.terms.scanner.peek().kind == TokenKind::Bracket('[') {
            return self.value_path(scope, &target);
        }
        let Comparison { filter, negated } = self.terms.comparison(&target)?;
        let filter = match target.list {
            Some(list) => element(list, filter),
            None => filter,
        };
        Ok(own(&target, negated, filter))
    }

    /// Parses a value path, optionally followed by a sub-attribute and an operator.
    fn value_path(&mut self, scope: Scope, target: &Target<'t>) -> Result<Filter, InvalidFilter> {
        let list = target.attribute;
        if matches!(scope, Scope::Element(_)) || !matches!(list.kind, Kind::List(_)) {
            let detail = "'[' must follow the name of a list and must not be inside another '['";
            return Err(self.terms.scanner.error(self.terms.scanner.peek().at, detail));
        }
        let inner = self.within('[', ']', Scope::Element(list))?;
        let Token { at, kind: TokenKind::Word(word) } = *self.terms.scanner.peek() else {
            return Ok(own(target, false, element(list, inner)));
        };
        let Some(name) = word.strip_prefix('.') else {
            return Ok(own(target, false, element(list, inner)));
        };
        self.terms.scanner.take()?;
        let Some(part) = list.part(name) else { return Err(self.terms.unknown(at, name, list.name)) };
        self.terms.check_comparable(at, part, &format!("{}.{name}", list.name))?;
        let inner_target = Target { at, name, attribute: part, list: None, path: vec![part.name], ..*target };
        let Comparison { filter, negated } = self.terms.comparison(&inner_target)?;
        Ok(own(target, negated, element(list, all_of(vec![inner, filter]))))
    }
}

/// The filter for the values of a target, of which there are none if only other resource types have the attribute.
fn own(target: &Target<'_>, negated: bool, filter: Filter) -> Filter {
    let filter = if target.is_foreign { Filter::Any(Vec::new()) } else { filter };
    if negated { not(filter) } else { filter }
}

fn element(list: &Attribute, test: Filter) -> Filter {
    Filter::Element { list: list.name, test: Box::new(test) }
}

//! Splits a filter into tokens.

use super::InvalidFilter;
use crate::domain::excerpt;
use std::iter::Peekable;
use std::str::CharIndices;

/// A token and the byte at which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) at: usize,
    pub(super) kind: TokenKind<'t>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'t> {
    /// A name, an operator, a number, `true`, `false` or `null`.
    Word(&'t str),
    /// A decoded JSON string.
    Text(String),
    /// One of `(`, `)`, `[` and `]`.
    Bracket(char),
    End,
}

impl<'t> TokenKind<'t> {
    /// The word, or an empty string for any other token.
    pub(super) fn word(&self) -> &'t str {
        if let Self::Word(word) = self { word } else { "" }
    }
}

/// Yields the tokens of a filter, with one token of lookahead.
pub(super) struct Scanner<'t> {
    text: &'t str,
    chars: Peekable<CharIndices<'t>>,
    next: Token<'t>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Result<Self, InvalidFilter> {
        let next = Token { at: 0, kind: TokenKind::End };
        let mut scanner = Self { text, chars: text.char_indices().peekable(), next };
        scanner.next = scanner.scan()?;
        Ok(scanner)
    }

    /// The decoded strings in a filter.
    pub(super) fn strings(text: &'t str) -> Result<Vec<String>, InvalidFilter> {
        let mut scanner = Self::new(text)?;
        let mut strings = Vec::new();
        loop {
            match scanner.take()?.kind {
                TokenKind::Text(text) => strings.push(text),
                TokenKind::End => return Ok(strings),
                _ => {}
            }
        }
    }

    pub(super) fn peek(&self) -> &Token<'t> {
        &self.next
    }

    pub(super) fn take(&mut self) -> Result<Token<'t>, InvalidFilter> {
        let next = self.scan()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Takes the next token if it is this keyword, which is case-insensitive (RFC 7644, section 3.4.2.2).
    pub(super) fn take_keyword(&mut self, keyword: &str) -> Result<bool, InvalidFilter> {
        let found = matches!(self.next.kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword));
        if found {
            self.take()?;
        }
        Ok(found)
    }

    pub(super) fn take_bracket(&mut self, bracket: char) -> Result<bool, InvalidFilter> {
        let found = self.next.kind == TokenKind::Bracket(bracket);
        if found {
            self.take()?;
        }
        Ok(found)
    }

    /// An error at this byte of the text.
    pub(super) fn error(&self, at: usize, detail: impl Into<String>) -> InvalidFilter {
        let before = self.text.char_indices().take_while(|(index, _)| *index < at).count();
        InvalidFilter { position: before + 1, detail: detail.into() }
    }

    /// The error for a token that the grammar does not allow here.
    pub(super) fn expected(&self, expected: &str, found: &Token<'_>) -> InvalidFilter {
        let text = match &found.kind {
            TokenKind::Word(word) => format!("'{}'", excerpt(word)),
            TokenKind::Text(_) => "a string".to_owned(),
            TokenKind::Bracket(bracket) => format!("'{bracket}'"),
            TokenKind::End => "the end".to_owned(),
        };
        self.error(found.at, format!("expected {expected}, found {text}"))
    }

    fn scan(&mut self) -> Result<Token<'t>, InvalidFilter> {
        while self.chars.next_if(|(_, c)| *c == ' ').is_some() {}
        let Some(&(at, first)) = self.chars.peek() else {
            return Ok(Token { at: self.text.len(), kind: TokenKind::End });
        };
        let kind = match first {
            '(' | ')' | '[' | ']' => {
                self.chars.next();
                TokenKind::Bracket(first)
            }
            '"' => TokenKind::Text(self.scan_text(at)?),
            _ => {
                while self.chars.next_if(|(_, c)| !" ()[]\"".contains(*c)).is_some() {}
                TokenKind::Word(self.since(at))
            }
        };
        Ok(Token { at, kind })
    }

    /// Finds the end of a string and decodes the string as JSON.
    fn scan_text(&mut self, at: usize) -> Result<String, InvalidFilter> {
        self.chars.next();
        let mut escaped = false;
        let end = self.chars.by_ref().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        if end.is_none() {
            return Err(self.error(at, "the string is not terminated"));
        }
        let text: String = serde_json::from_str(self.since(at)).map_err(|_| {
            self.error(
                at,
                "the string is not a valid JSON string: it contains an invalid escape or a control character",
            )
        })?;
        if text.contains('\0') {
            return Err(self.error(at, "the string must not contain U+0000"));
        }
        Ok(text)
    }

    fn since(&mut self, at: usize) -> &'t str {
        let end = self.chars.peek().map_or(self.text.len(), |(index, _)| *index);
        self.text.get(at..end).unwrap_or_default()
    }
}

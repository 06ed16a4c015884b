//! The words of a filter.

use super::InvalidFilter;
use std::iter::Peekable;
use std::str::CharIndices;

/// A word of a filter and the byte at which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) at: usize,
    pub(super) kind: TokenKind<'t>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'t> {
    /// A name, an operator, a number, `true`, `false`, `null`.
    Word(&'t str),
    /// A JSON string, decoded.
    Text(String),
    /// One of `(`, `)`, `[`, `]`.
    Bracket(char),
    End,
}

/// Cuts a filter into words, one ahead of its reader.
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

    /// The strings of a text.
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

    /// Takes the next word if it is this one; keywords have no case (RFC 7644, section 3.4.2.2).
    pub(super) fn take_keyword(&mut self, keyword: &str) -> Result<bool, InvalidFilter> {
        let is_it = matches!(self.next.kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword));
        if is_it {
            self.take()?;
        }
        Ok(is_it)
    }

    pub(super) fn take_bracket(&mut self, bracket: char) -> Result<bool, InvalidFilter> {
        let is_it = self.next.kind == TokenKind::Bracket(bracket);
        if is_it {
            self.take()?;
        }
        Ok(is_it)
    }

    /// An error at a byte of the text.
    pub(super) fn error(&self, at: usize, detail: impl Into<String>) -> InvalidFilter {
        let before = self.text.char_indices().take_while(|(index, _)| *index < at).count();
        InvalidFilter { position: before + 1, detail: detail.into() }
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

    /// Finds the end of a string; what it means is for the JSON reader to say.
    fn scan_text(&mut self, at: usize) -> Result<String, InvalidFilter> {
        self.chars.next();
        let mut escaped = false;
        let end = self.chars.by_ref().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        if end.is_none() {
            return Err(self.error(at, "the string has no end"));
        }
        let text: String = serde_json::from_str(self.since(at)).map_err(|_| {
            self.error(at, "the string is not a JSON string: an escape or a control character is wrong")
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

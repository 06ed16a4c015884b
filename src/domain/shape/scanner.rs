//! Splits JSON text without blanks, as serde_json writes it, into names and values.

/// A position in a JSON text. The methods return `None` if the text does not continue as they expect.
pub struct Scanner<'t>(&'t str);

impl<'t> Scanner<'t> {
    /// The position at the start of a text.
    pub fn of(text: &'t str) -> Self {
        Self(text)
    }

    /// Checks that the text has ended.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// The text that has not been read.
    pub fn rest(&self) -> &'t str {
        self.0
    }

    /// Reads this text.
    pub fn text(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Reads an object. `member` receives each name, with its escapes but without quotes, and must read the value.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &'t str) -> Option<()>) -> Option<()> {
        self.text("{")?;
        if self.text("}").is_some() {
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.text(":")?;
            member(self, name.get(1..name.len() - 1)?)?;
            if self.is_last(b'}')? {
                return Some(());
            }
        }
    }

    /// Reads a list. `element` must read each element.
    pub fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.text("[")?;
        if self.text("]").is_some() {
            return Some(());
        }
        loop {
            element(self)?;
            if self.is_last(b']')? {
                return Some(());
            }
        }
    }

    /// Reads a value of any type.
    pub fn value(&mut self) -> Option<&'t str> {
        match self.first()? {
            b'"' => self.string(),
            b'{' | b'[' => self.structure(),
            _ => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
                let bytes = self.0.as_bytes();
                self.take(bytes.iter().position(is_end).unwrap_or(bytes.len()))
            }
        }
    }

    /// Reads an object or a list with everything in it.
    fn structure(&mut self) -> Option<&'t str> {
        let (whole, mut depth) = (self.0, 0_usize);
        loop {
            match self.first()? {
                b'"' => drop(self.string()?),
                byte => {
                    match byte {
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.take(1)?;
                    if depth == 0 {
                        return whole.get(..whole.len() - self.0.len());
                    }
                }
            }
        }
    }

    /// Reads a string with its quotes.
    fn string(&mut self) -> Option<&'t str> {
        let (b'"', rest) = self.0.as_bytes().split_first()? else { return None };
        let mut is_escaped = false;
        let is_end = |byte: &u8| {
            let is_end = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            is_end
        };
        let length = rest.iter().position(is_end)?;
        self.take(length + 2)
    }

    /// Reads the byte after a member or an element: a comma, or the end of the object or list.
    fn is_last(&mut self, end: u8) -> Option<bool> {
        let byte = self.first().filter(|byte| *byte == b',' || *byte == end)?;
        self.take(1)?;
        Some(byte == end)
    }

    fn first(&self) -> Option<u8> {
        self.0.as_bytes().first().copied()
    }

    fn take(&mut self, length: usize) -> Option<&'t str> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// The value at a path of names in the text of a JSON object.
pub fn find<'t>(text: &'t str, path: &[&str]) -> Option<&'t str> {
    path.iter().try_fold(text, |object, wanted| {
        let mut found = None;
        Scanner::of(object).object(|scanner, name| {
            let value = scanner.value()?;
            if name == *wanted {
                found = Some(value);
            }
            Some(())
        })?;
        found
    })
}

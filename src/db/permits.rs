//! Permits to hold large results in memory. They limit how many results of a class are in memory, from before they are
//! read until their responses have been built.

use super::Class;
use super::turns::Turn;

/// A permit to hold a large result in memory until this value is dropped.
pub struct Permit {
    pub(super) class: Class,
    pub(super) _turn: Turn,
}

impl Permit {
    /// Whether the permit suffices for a result of this class. A permit for a scan also permits reading a page.
    pub(super) fn suffices(&self, class: Class) -> bool {
        self.class == class || (self.class, class) == (Class::Scan, Class::Page)
    }
}

//! The migrations, with the real `diesel` command beside ours: the same names in both folders, the same schema from
//! every tool, up, down and up again, `src/schema.rs` compared with both databases, and servers that start at once.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what it expects by panicking"
)]

mod declared;
mod folders;
mod keys;
mod place;
mod ready;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod tools;

/// Makes a test for each engine of functions that take a [`place::Place`].
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&crate::place::Place::sqlite());
            })*
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(&crate::place::Place::postgres());
            })*
        }
    };
}
use on_both_engines;

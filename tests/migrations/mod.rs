//! The migrations, with the real `diesel` command beside ours: the same names in both folders, the same schema from
//! every tool, up, down and up again, `src/schema.rs` compared with both databases, and servers that start at once.

mod declared;
mod folders;
mod keys;
mod place;
mod ready;
mod start;
mod tools;

/// Makes a test for each engine of functions that take a [`place::Place`].
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&crate::migrations::place::Place::sqlite());
            })*
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(&crate::migrations::place::Place::postgres());
            })*
        }
    };
}
use on_both_engines;

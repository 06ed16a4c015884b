//! The pages for users say what is so: their commands work when they are pasted, on both engines, and their tables are
//! those of the code.

mod api;
mod codes;
mod configuration;
mod entra;
mod filters;
mod getting_started;
mod okta;
mod operations;
mod pages;
mod place;
mod readme;
mod scim;

/// The pages that have commands. Each is run whole, on both engines, by the module of its name.
macro_rules! pages {
    ($($page:ident = $path:literal;)*) => {
        const PAGES: &[&str] = &[$($path),*];

        mod sqlite {
            $(#[test]
            fn $page() {
                crate::docs::$page::run(&crate::docs::place::Place::sqlite(), &crate::docs::pages::commands($path));
            })*
        }
        mod postgres {
            $(#[test]
            fn $page() {
                crate::docs::$page::run(&crate::docs::place::Place::postgres(), &crate::docs::pages::commands($path));
            })*
        }
    };
}

pages! {
    readme = "README.md";
    getting_started = "docs/getting-started.md";
    api = "docs/api.md";
    filters = "docs/filters.md";
    operations = "docs/operations.md";
    scim = "docs/scim.md";
    okta = "docs/okta.md";
    entra = "docs/entra.md";
}

/// Pages whose commands are run by suites of their own.
const ELSEWHERE: &[&str] = &["docs/clients.md"];

//! The documentation is correct: the commands of every page run unchanged on both engines, and the tables agree with the
//! code.

mod admin_page;
mod api;
mod brake;
mod configuration;
mod entra;
mod error_codes;
mod filters;
mod getting_started;
mod import_and_export;
mod inspector;
mod keep_a_copy;
mod metrics;
mod okta;
mod operations;
mod pages;
mod production;
mod provider_errors;
mod providers;
mod proxy;
mod readme;
mod reliability;
mod scim;
mod shuffled;
mod threat_model;
mod tls;
mod undo;
mod workspace;

use providers::{authentik, google_workspace, jumpcloud, keycloak, onelogin, ping, sailpoint};

/// The pages with commands. The module of the same name runs each page on both engines.
macro_rules! pages {
    ($($page:ident = $path:literal;)*) => {
        const PAGES: &[&str] = &[$($path),*];

        mod sqlite {
            $(#[test]
            fn $page() {
                crate::docs::$page::run(&crate::docs::workspace::Workspace::sqlite(), &crate::docs::pages::commands($path));
            })*
        }
        mod postgres {
            $(#[test]
            fn $page() {
                crate::docs::$page::run(&crate::docs::workspace::Workspace::postgres(), &crate::docs::pages::commands($path));
            })*
        }
    };
}

pages! {
    readme = "README.md";
    getting_started = "docs/getting-started.md";
    keep_a_copy = "docs/keep-a-copy-in-sync.md";
    api = "docs/api.md";
    undo = "docs/undo.md";
    filters = "docs/filters.md";
    operations = "docs/operations.md";
    import_and_export = "docs/import-and-export.md";
    scim = "docs/scim.md";
    admin_page = "docs/admin-page.md";
    brake = "docs/brake.md";
    inspector = "docs/inspector.md";
    okta = "docs/okta.md";
    entra = "docs/entra.md";
    onelogin = "docs/onelogin.md";
    jumpcloud = "docs/jumpcloud.md";
    ping = "docs/ping.md";
    google_workspace = "docs/google-workspace.md";
    authentik = "docs/authentik.md";
    keycloak = "docs/keycloak.md";
    sailpoint = "docs/sailpoint.md";
    production = "docs/production.md";
    tls = "docs/tls.md";
}

/// Pages whose commands are run by other suites.
const RUN_ELSEWHERE: &[&str] = &["docs/clients.md"];

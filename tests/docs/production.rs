//! docs/production.md

use crate::docs::pages::{blocks_in, read};
use crate::docs::proxy::Proxy;
use crate::docs::workspace::Workspace;
use crate::support::block_on;
use crate::support::command::{in_empty_environment, run as run_command};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::sqlite;
use clap::CommandFactory;
use roster::cli::Cli;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

const PAGE: &str = "docs/production.md";

/// Generates an operator key, and sends requests through the reverse proxy.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [create_key, requests] = commands else { panic!("{commands:#?}") };
    let path = workspace.shell().run(&format!("{create_key}\nrealpath admin-key"));
    let server =
        workspace.server().unset("ROSTER_ADMIN_KEY").env("ROSTER_ADMIN_KEY_FILE", path.trim()).start();
    let secret = fs::read_to_string(path.trim()).expect("the file can be read");
    let proxy = Proxy::start(&server);
    let shell = workspace.shell_with(&server).env("CURL_HOME", proxy.curl_home()).env("KEY", secret.trim());
    let users = shell.json_values(requests);
    assert_eq!((users.len(), &users[0]["userName"]), (1, &"proxied".into()));
}

#[test]
fn the_systemd_unit_is_valid() {
    let [unit] = &blocks_in("ini", PAGE)[..] else { panic!("the page has one unit") };
    let directory = tempfile::tempdir().expect("the temporary directory is created");
    // systemd-analyze checks that the program exists.
    let unit = unit.replace("/usr/local/bin/roster", env!("CARGO_BIN_EXE_roster"));
    fs::write(directory.path().join("roster.service"), unit).expect("the file is written");
    let mut verify = in_empty_environment("systemd-analyze", directory.path());
    let output =
        run_command(verify.args(["verify", "./roster.service"]), Duration::from_secs(60)).expect_success();
    assert_eq!(output.stderr, "");
}

#[test]
fn the_probes_of_the_kubernetes_example_succeed() {
    let [manifest] = &blocks_in("yaml", PAGE)[..] else { panic!("the page has one manifest") };
    let paths: Vec<_> = manifest.split("path: ").skip(1).filter_map(|rest| rest.split(',').next()).collect();
    assert_eq!(paths, ["/livez", "/readyz"]);
    let database = sqlite::Database::create();
    let server = Server::builder(&database.url()).start();
    let client = Client::anonymous(&server);
    for path in paths {
        block_on(async { client.get(path).send().await.expect(200) });
    }
}

#[test]
fn every_setting_on_the_pages_exists() {
    let command = Cli::command();
    let settings: BTreeSet<_> =
        command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    let pages = ["README.md", "docs/getting-started.md", "docs/api.md", "docs/scim.md", "docs/operations.md"];
    for page in [&pages[..], &["docs/tls.md", PAGE]].concat() {
        let text = read(page);
        for name in text
            .split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .filter(|name| name.starts_with("ROSTER_"))
        {
            assert!(settings.contains(name), "{page}: {name}");
        }
    }
}

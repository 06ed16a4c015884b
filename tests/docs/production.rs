//! docs/production.md

use crate::docs::pages::read;
use crate::docs::proxy::Proxy;
use crate::docs::workspace::Workspace;
use crate::support::block_on;
use crate::support::command::{CommandOutput, in_empty_environment, run as run_command};
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

/// The highest exposure that `systemd-analyze security` may report for the unit, in tenths.
const EXPOSURE: &str = "--threshold=20";

#[test]
fn the_systemd_unit_is_valid_and_hardened() {
    // systemd-analyze checks that the program exists.
    let unit =
        read("ops/systemd/roster.service").replace("/usr/local/bin/roster", env!("CARGO_BIN_EXE_roster"));
    let output = analyze(&unit, &["verify"]).expect_success();
    assert_eq!(output.stderr, "");
    let security = ["security", "--offline=true", "--no-pager", EXPOSURE];
    analyze(&unit, &security).expect_success();
    let exposed: String =
        unit.lines().filter(|line| !line.starts_with("Protect")).map(|line| format!("{line}\n")).collect();
    analyze(&exposed, &security).expect_code(1);
}

fn analyze(unit: &str, arguments: &[&str]) -> CommandOutput {
    let directory = tempfile::tempdir().expect("the temporary directory is created");
    fs::write(directory.path().join("roster.service"), unit).expect("the file is written");
    let mut command = in_empty_environment("systemd-analyze", directory.path());
    run_command(command.args(arguments).arg("./roster.service"), Duration::from_secs(60))
}

#[test]
fn the_probes_of_the_kubernetes_deployment_succeed() {
    let manifest = read("ops/kubernetes/deployment.yaml");
    let paths = manifest.split("path: ").skip(1).filter_map(|rest| rest.split(',').next());
    let paths: Vec<_> = paths.filter(|path| path.starts_with('/')).collect();
    assert_eq!(paths, ["/livez", "/livez", "/readyz"]);
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
    for page in [
        "README.md",
        "docs/getting-started.md",
        "docs/api.md",
        "docs/scim.md",
        "docs/operations.md",
        "docs/sizing.md",
        "docs/tls.md",
        PAGE,
    ] {
        let text = read(page);
        for name in text
            .split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .filter(|name| name.starts_with("ROSTER_"))
        {
            assert!(settings.contains(name), "{page}: {name}");
        }
    }
}

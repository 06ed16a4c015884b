//! docs/tls.md

use crate::docs::pages::{blocks_in, read};
use crate::docs::workspace::{Workspace, count};
use crate::support::command::{in_empty_environment, run as run_command};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const PAGE: &str = "docs/tls.md";
const LIMIT: Duration = Duration::from_secs(60);

/// Creates a certificate, sends a request, and replaces the certificate as certbot does.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [create, request, hook] = commands else { panic!("{commands:#?}") };
    let directory = workspace.shell().run(&format!("{create}\npwd"));
    let directory = directory.trim();
    let path = |name: &str| format!("{directory}/{name}");
    let server = workspace.server().env("ROSTER_TLS_CERT", &path("cert.pem"));
    let server = server.env("ROSTER_TLS_KEY", &path("key.pem")).start();
    let url = format!("https://localhost:{}", server.address().port());
    let users = workspace.shell_with(&server).env("URL", &url).json_values(request);
    assert_eq!(count(&users[0]), 0);

    // In place of systemd, and of a group that the machine does not have.
    let systemctl = format!("#!/bin/sh\ntest \"$*\" = 'reload roster' && kill -HUP {}\n", server.pid());
    fs::write(path("systemctl"), systemctl).expect("the file is written");
    fs::set_permissions(path("systemctl"), fs::Permissions::from_mode(0o755)).expect("the mode is set");
    let hook = hook.replace("-g roster-tls ", "").replace("/etc/roster/tls", directory);
    let renew = create.replace("cert.pem", "renewed/fullchain.pem").replace("key.pem", "renewed/privkey.pem");
    let script = format!("mkdir renewed\n{renew}\nexport RENEWED_LINEAGE=renewed PATH=.:$PATH\n{hook}");
    workspace.shell().run(&script);
    server.wait_for_log("new connections use the reloaded certificate", LIMIT);
    // curl trusts only the certificate in cert.pem, which is the new one.
    workspace.shell_with(&server).env("URL", &url).run(request);
}

#[test]
fn the_systemd_unit_with_tls_is_valid() {
    let [tls] = &blocks_in("ini", PAGE)[..] else { panic!("the page has one drop-in file") };
    let directory = tempfile::tempdir().expect("the temporary directory is created");
    let unit =
        read("ops/systemd/roster.service").replace("/usr/local/bin/roster", env!("CARGO_BIN_EXE_roster"));
    fs::write(directory.path().join("roster.service"), unit).expect("the file is written");
    fs::create_dir(directory.path().join("roster.service.d")).expect("the directory is created");
    fs::write(directory.path().join("roster.service.d/tls.conf"), tls).expect("the file is written");
    let mut verify = in_empty_environment("systemd-analyze", directory.path());
    let output = run_command(verify.args(["verify", "./roster.service"]), LIMIT).expect_success();
    assert_eq!(output.stderr, "");
}

//! The commands of every page work after those of every other page, and a second time.

use crate::docs::PAGES;
use crate::docs::pages::commands;
use crate::docs::proxy::Proxy;
use crate::docs::workspace::{Engine, Workspace};
use crate::support::server::{ADMIN_KEY, Server};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xorshift::XorShiftRng;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `ROSTER_DOCS_SEED` repeats the order of an earlier run.
#[test]
fn sqlite() {
    run_twice_in_random_order(&Workspace::sqlite());
}

#[test]
fn postgres() {
    run_twice_in_random_order(&Workspace::postgres());
}

fn run_twice_in_random_order(workspace: &Workspace) {
    let seed = std::env::var("ROSTER_DOCS_SEED")
        .map_or_else(|_| time_seed(), |text| text.parse().expect("the seed is a number"));
    let mut pages = [PAGES, PAGES].concat();
    pages.shuffle(&mut XorShiftRng::seed_from_u64(seed));
    eprintln!("ROSTER_DOCS_SEED={seed}: {pages:?}");
    let mut server = workspace.server().start();
    for page in pages {
        eprintln!("{page}");
        match page {
            "docs/operations.md" => server = operations(workspace, server),
            "docs/production.md" => production(workspace, &server),
            _ => requests(workspace, &server, page),
        }
    }
}

fn time_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_secs()
}

/// Sends the requests of a page. Commands that start a server or the tests are left out.
fn requests(workspace: &Workspace, server: &Server, page: &str) {
    let starts_something = |command: &String| {
        command == "tests/run\n"
            || command.ends_with(" roster\n")
            || command.ends_with(" cargo run --release\n")
    };
    let script: String = commands(page).into_iter().filter(|command| !starts_something(command)).collect();
    // Some pages set the address and the key of a server that was started with their own commands.
    let key = "KEY=a-key-of-32-characters-or-longer-for-trying";
    let script =
        script.replace("http://127.0.0.1:3000", &server.base()).replace(key, &format!("KEY={ADMIN_KEY}"));
    // An export does not overwrite the file of the first run.
    workspace.shell_with(server).run(&format!("rm -f export.ndjson* rest.ndjson*\n{script}"));
}

fn production(workspace: &Workspace, server: &Server) {
    let proxy = Proxy::start(server);
    let shell = workspace.shell_with(server).env("CURL_HOME", proxy.curl_home());
    shell.run(&commands("docs/production.md").concat());
}

/// Runs the commands of the page. The server is stopped before its database is restored, and then started again.
fn operations(workspace: &Workspace, mut server: Server) -> Server {
    let commands = commands("docs/operations.md");
    let [migrate, diesel, diesel_postgres, backup, restore, dump, restore_dump, check, probes] =
        &commands[..]
    else {
        panic!("{commands:#?}")
    };
    let (diesel, backup) = match workspace.engine {
        Engine::Sqlite => (diesel, backup),
        Engine::Postgres(_) => (diesel_postgres, dump),
    };
    workspace.shell_with(&server).run(&[migrate, diesel, backup, probes].map(String::as_str).concat());
    server.stop(Duration::from_secs(10));
    match workspace.engine {
        Engine::Sqlite => drop(workspace.shell().run(&[restore, check].map(String::as_str).concat())),
        Engine::Postgres(_) => {
            let empty = Workspace::postgres();
            workspace.shell().env("DATABASE_URL", empty.url()).run(restore_dump);
        }
    }
    workspace.server().start()
}

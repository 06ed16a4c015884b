//! docs/operations.md

use crate::docs::pages::blocks_in;
use crate::docs::workspace::{Engine, Workspace, count};
use crate::support::block_on;
use crate::support::database::Database;
use crate::support::http::Client;
use crate::support::server::Server;
use serde_json::{Value, json};
use std::time::Duration;

/// Migrates, runs a server with probes, makes a backup, writes more, and restores the backup.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [migrate, diesel, diesel_postgres, backup, restore, dump, restore_dump, check, probes] = commands
    else {
        panic!("{commands:#?}")
    };
    let (diesel, backup, restore) = match workspace.engine {
        Engine::Sqlite => (diesel, backup, restore),
        Engine::Postgres(_) => (diesel_postgres, dump, restore_dump),
    };
    let output = workspace.shell().run(&format!("{diesel}\n{migrate}"));
    assert!(
        output.contains("\nmigrations applied: 0\n") && !output.contains("pending"),
        "diesel left pending migrations: {output}"
    );

    let mut server = workspace.server().start();
    workspace.shell_with(&server).run(probes);
    create(&server, "ada");
    let in_backup = State::read(&server);
    workspace.shell().run(backup);
    create(&server, "grace");
    let lost = State::read(&server);
    server.stop(Duration::from_secs(10));

    // PostgreSQL restores into another database.
    let restored = match &workspace.engine {
        Engine::Sqlite => None,
        Engine::Postgres(_) => Some(Workspace::postgres()),
    };
    let url = restored.as_ref().unwrap_or(workspace).url();
    let output = match &restored {
        None => workspace.shell().run(&format!("{restore}\n{check}")),
        Some(restored) => {
            let url = restored.url();
            workspace.shell().run(&format!("export DATABASE_URL='{url}'\n{restore}\n{check}"))
        }
    };
    assert!(output.starts_with("epochs renewed: 1\n"), "{output}");
    let checked = "no differences: 1 tenants, 1 users, 0 groups, 0 members, 1 changes\n";
    assert!(output.ends_with(checked), "{output}");
    let server = Server::builder(&url).start();
    let restored = State::read(&server);
    assert_eq!((&restored.users, &restored.head), (&in_backup.users, &in_backup.head));
    assert_ne!(restored.users, lost.users);
    assert_eq!(in_backup.epoch, lost.epoch);
    assert_ne!(restored.epoch, lost.epoch);
}

#[test]
fn postgresql_accepts_the_settings() {
    let [settings] = &blocks_in("sql", "docs/operations.md")[..] else {
        panic!("the page has one block of SQL")
    };
    let database = Database::postgres();
    let mut sql = database.sql();
    for statement in settings.lines() {
        sql.execute(statement);
    }
    for setting in settings.lines().filter_map(|line| line.strip_prefix("ALTER SYSTEM SET ")) {
        let name = setting.split_once(' ').expect("the statement has a value").0;
        sql.execute(&format!("ALTER SYSTEM RESET {name}"));
    }
}

/// The contents of the database, as clients read them.
struct State {
    users: Value,
    head: Value,
    epoch: Value,
}

impl State {
    fn read(server: &Server) -> Self {
        let client = Client::new(server);
        block_on(async {
            let mut users = client.get("/users").send().await.expect(200).json();
            assert!(count(&users) > 0);
            let mut feed = client.get("/changes?after=0").send().await.expect(200).json();
            Self { users: users["items"].take(), head: feed["head"].take(), epoch: feed["epoch"].take() }
        })
    }
}

fn create(server: &Server, name: &str) {
    let create = Client::new(server).post("/users", &json!({ "userName": name }));
    block_on(async { create.send().await.expect(201) });
}

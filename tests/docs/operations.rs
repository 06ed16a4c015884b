//! docs/operations.md

use crate::docs::place::{Engine, Place, count, stop};
use crate::support::http::Client;
use crate::support::server::Server;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// An operator's life: migrates, looks after a server, backs up, loses what came after, restores.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let [migrate, diesel, diesel_postgres, backup, restore, dump, restore_dump, probes] = commands else {
        panic!("{commands:#?}")
    };
    let (diesel, backup, restore) = match place.engine {
        Engine::Sqlite => (diesel, backup, restore),
        Engine::Postgres(_) => (diesel_postgres, dump, restore_dump),
    };
    let listed = place.shell().run(&format!("{diesel}\n{migrate}"));
    assert!(listed.contains("\n0 applied\n") && !listed.contains("pending"), "diesel did all: {listed}");

    let server = place.server().start();
    place.shell_beside(&server).run(probes);
    create(&server, "ada");
    let kept = Seen::by(&server);
    place.shell().run(backup);
    create(&server, "grace");
    let lost = Seen::by(&server);
    stop(server);

    // What is restored on PostgreSQL is another database, in the same place.
    let restored = match &place.engine {
        Engine::Sqlite => None,
        Engine::Postgres(_) => Some(Place::postgres()),
    };
    let url = restored.as_ref().unwrap_or(place).url();
    let said = match &restored {
        None => place.shell().run(restore),
        Some(restored) => place.shell().run(&format!("export DATABASE_URL='{}'\n{restore}", restored.url())),
    };
    assert_eq!(said, "1 renewed\n");
    let server = Server::builder(&url).start();
    let seen = Seen::by(&server);
    assert_eq!((&seen.users, &seen.head), (&kept.users, &kept.head));
    assert!(seen.users != lost.users && seen.epoch != kept.epoch && kept.epoch == lost.epoch);
}

/// What clients see of the database.
struct Seen {
    users: Value,
    head: Value,
    epoch: Value,
}

impl Seen {
    fn by(server: &Server) -> Self {
        let client = Client::new(server);
        runtime().block_on(async {
            let mut users = client.get("/users").send().await.expect(200).json();
            assert!(count(&users) > 0);
            let mut feed = client.get("/changes?after=0").send().await.expect(200).json();
            Self { users: users["items"].take(), head: feed["head"].take(), epoch: feed["epoch"].take() }
        })
    }
}

fn create(server: &Server, name: &str) {
    let create = Client::new(server).post("/users", &json!({ "userName": name }));
    runtime().block_on(async { create.send().await.expect(201) });
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

//! The sequence of phases, and the state that they share.

use crate::journey::api::Api;
use crate::journey::model::Model;
use crate::journey::people::People;
use crate::journey::report::Report;
use crate::journey::writer::Shared;
use crate::support::http::Client;
use crate::support::server::Server;
use rand_xorshift::XorShiftRng;
use std::fs;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Number of kills. A single kill would rarely hit a critical moment.
const KILLS: u32 = 3;

/// Time limit of steps that normally take much less than a second.
const LIMIT: Duration = Duration::from_secs(60);

/// The size and the seed of a journey.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) users: u32,
    pub(crate) seed: u64,
}

/// The state of a journey.
pub(crate) struct Journey {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) database_url: String,
    pub(crate) server: Server,
    pub(crate) api: Api,
    pub(crate) people: People,
    pub(crate) model: Model,
    /// The number of the next user.
    pub(crate) next: Arc<AtomicU32>,
    /// Chooses samples.
    pub(crate) rng: XorShiftRng,
    pub(crate) report: Report,
    /// A generous time limit for phases whose duration grows with the number of users.
    pub(crate) limit: Duration,
}

/// Runs all phases on a new database, and prints the report.
pub(crate) fn run(engine: &str, database_url: &str, settings: Settings) {
    let Settings { users, seed } = settings;
    println!("journey on {engine}: ROSTER_JOURNEY_USERS={users} ROSTER_JOURNEY_SEED={seed}");
    let mut journey = Journey::begin(engine, database_url, settings);
    let runtime = Arc::clone(&journey.runtime);
    runtime.block_on(with_limit(journey.limit, journey.work(users as usize)));
    journey.report_memory("resident after load");
    journey.interrupt("TERM", 1);
    for round in 2..=KILLS + 1 {
        journey.interrupt("KILL", round);
    }
    runtime.block_on(with_limit(journey.limit, journey.verify("list at the end, 50 per page", None, None)));
    journey.end();
    println!("{}", journey.report);
}

impl Journey {
    fn begin(engine: &str, database_url: &str, settings: Settings) -> Self {
        let people = People::new(settings.seed);
        let runtime = Runtime::new().expect("the runtime starts");
        let Settings { users, seed } = settings;
        let mut report = Report::new(format!("journey on {engine}, {users} users, seed {seed}"));
        let (server, api) = start(&runtime, database_url, &mut report, "exec to ready on a fresh database");
        let mut journey = Self {
            runtime: Arc::new(runtime),
            database_url: database_url.to_owned(),
            server,
            api,
            people,
            model: Model::default(),
            next: Arc::new(AtomicU32::new(settings.users)),
            rng: people.rng(u32::MAX, u32::MAX),
            report,
            limit: Duration::from_secs(300) + Duration::from_millis(100) * users,
        };
        journey.report_memory("resident idle");
        journey
    }

    /// The phases without interruptions.
    async fn work(&mut self, users: usize) {
        self.create(self.next.load(Ordering::Relaxed)).await;
        self.list_while_others_write().await;
        self.read(users.min(20_000)).await;
        self.edit(users.div_ceil(10)).await;
        self.delete(users.div_ceil(20)).await;
    }

    /// Starts a server again on the same database after the previous one has ended.
    pub(crate) fn restart(&mut self, name: &str) {
        let (server, api) = start(&self.runtime, &self.database_url, &mut self.report, name);
        (self.server, self.api) = (server, api);
    }

    /// Waits until the writers have received this many acknowledgements.
    pub(crate) async fn wait_for_writes(&self, shared: &Shared, count: u64) {
        let since = Instant::now();
        while shared.acknowledged.load(Ordering::Relaxed) < count {
            assert!(since.elapsed() < LIMIT, "fewer than {count} writes in {LIMIT:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn report_memory(&mut self, name: &str) {
        self.report.memory(name, self.server.resident_memory());
    }

    fn end(&mut self) {
        self.report_memory("resident at the end");
        self.server.stop(LIMIT);
        self.report.fact("users at the end", self.model.known.len());
        let binary = fs::metadata(env!("CARGO_BIN_EXE_roster")).expect("the binary exists");
        self.report.memory("binary", binary.len());
    }
}

/// Starts a server and reports the time until it is ready.
fn start(runtime: &Runtime, database_url: &str, report: &mut Report, name: &str) -> (Server, Api) {
    let server = Server::builder(database_url).start();
    let client = Client::new(&server);
    let ready = client.get("/readyz");
    runtime.block_on(async {
        while ready.send().await.code() != 200 {
            assert!(server.started().elapsed() < LIMIT, "not ready:\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    report.milliseconds(name, server.started().elapsed());
    (server, Api::new(client))
}

/// Runs a phase with a time limit.
pub(crate) async fn with_limit<T>(limit: Duration, phase: impl Future<Output = T>) -> T {
    let finished = tokio::time::timeout(limit, phase).await;
    finished.unwrap_or_else(|_| panic!("not finished after {limit:?}"))
}

/// Distributes jobs among `clients` concurrent tasks, and returns all results in any order.
pub(crate) async fn run_concurrently<J, T, F>(
    jobs: impl IntoIterator<Item = J, IntoIter: Send + 'static>,
    clients: usize,
    work: impl Fn(J) -> F + Clone + Send + 'static,
) -> Vec<T>
where
    J: Send + 'static,
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let jobs = Arc::new(Mutex::new(jobs.into_iter()));
    let next = |jobs: &Mutex<_>| Iterator::next(&mut *jobs.lock().unwrap_or_else(PoisonError::into_inner));
    let mut shared = JoinSet::new();
    for _ in 0..clients {
        let (jobs, work) = (Arc::clone(&jobs), work.clone());
        shared.spawn(async move {
            let mut results = Vec::new();
            while let Some(job) = next(&jobs) {
                results.push(work(job).await);
            }
            results
        });
    }
    shared.join_all().await.into_iter().flatten().collect()
}

//! Clients that create, edit and delete users at random, and record the outcome of each write.

use crate::journey::api::{Api, id_of, retry_after};
use crate::journey::check::check;
use crate::journey::model::{Entry, KnownUser, Model};
use crate::journey::people::People;
use crate::support::http::{Request, Response};
use rand::RngExt;
use rand_xorshift::XorShiftRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// A write that can safely be repeated: names are unique, and edits and deletions name the expected version.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    Create(u32),
    Edit(Uuid, Entry),
    Delete(Uuid, Entry),
}

impl Write {
    fn request(self, api: &Api, people: People) -> Request {
        let client = &api.client;
        match self {
            Self::Create(index) => client.post("/users", &people.user(index)),
            Self::Edit(id, entry) => client
                .patch(&format!("/users/{id}"), &people.edit(entry.index, entry.version()))
                .header("if-match", &entry.etag()),
            Self::Delete(id, entry) => {
                client.delete(&format!("/users/{id}")).header("if-match", &entry.etag())
            }
        }
    }

    /// The status of a successful write, and the status if it is repeated.
    const fn statuses(self) -> (u16, u16) {
        match self {
            Self::Create(_) => (201, 409),
            Self::Edit(..) => (200, 412),
            Self::Delete(..) => (204, 404),
        }
    }

    /// Checks the response to a successful write, and returns the user if it still exists.
    pub(crate) fn result(self, people: People, response: &Response) -> Option<KnownUser> {
        let (id, entry) = match self {
            Self::Create(index) => (id_of(&response.json()), Entry::new(index)),
            Self::Edit(id, entry) => (id, entry.edited()),
            Self::Delete(..) => return None,
        };
        check(people, id, entry, &response.json());
        assert_eq!(response.header("etag"), Some(entry.etag().as_str()));
        if matches!(self, Self::Create(_)) {
            assert_eq!(response.header("location"), Some(format!("/users/{id}").as_str()));
        }
        Some((id, entry))
    }

    /// Sends the write, which must succeed.
    pub(crate) async fn send_successfully(self, api: &Api, people: People) -> Option<KnownUser> {
        let response = api.send(self.request(api, people)).await.expect(self.statuses().0);
        self.result(people, &response)
    }
}

/// A write that was not acknowledged.
#[derive(Debug)]
pub(crate) struct Unacknowledged {
    write: Write,
    /// Whether the response was 503, which means that nothing was written. Otherwise the outcome is unknown.
    pub(crate) refused: bool,
}

impl Unacknowledged {
    /// Repeats the write, so that it has been carried out exactly once. Returns whether it had been carried out before.
    pub(crate) async fn resolve(self, api: &Api, people: People, model: &mut Model) -> bool {
        let response = api.send(self.write.request(api, people)).await;
        let (success, repeated) = self.write.statuses();
        if self.refused || response.code() != repeated {
            let response = response.expect(success);
            model.extend(self.write.result(people, &response));
            return false;
        }
        match self.write {
            Write::Create(index) => {
                let name = people.user(index)["userName"].as_str().map(str::to_owned);
                model.without_id.insert(name.expect("every user has a name"), index);
            }
            Write::Edit(id, entry) => model.extend([(id, entry.edited())]),
            Write::Delete(..) => {}
        }
        true
    }
}

enum Outcome {
    Done(Option<KnownUser>),
    Unacknowledged(Unacknowledged),
    /// No connection was established, so nothing was sent.
    Unsent,
}

/// The state that all writers share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) api: Api,
    pub(crate) people: People,
    /// The number of the next user.
    pub(crate) next: Arc<AtomicU32>,
    /// Number of acknowledged writes.
    pub(crate) acknowledged: Arc<AtomicU64>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// A client with users that no other client changes.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Shared,
    pub(crate) rng: XorShiftRng,
    pub(crate) own: Vec<KnownUser>,
}

/// The users of a writer that has finished, and its unacknowledged writes.
#[derive(Debug, Default)]
pub(crate) struct WriterResult {
    pub(crate) own: Vec<KnownUser>,
    pub(crate) unacknowledged: Vec<Unacknowledged>,
}

/// Number of users above which a writer deletes more users than it creates.
const MANY_USERS: usize = 100;

/// Number of unacknowledged writes after which a writer stops.
const MAX_UNACKNOWLEDGED: usize = 1_000;

impl Writer {
    /// Writes until it is stopped, has sent `max_writes` writes, or cannot connect to the server.
    pub(crate) async fn run(mut self, max_writes: u64) -> WriterResult {
        let mut unacknowledged = Vec::new();
        for _ in 0..max_writes {
            if self.shared.stop.load(Ordering::Relaxed) || unacknowledged.len() >= MAX_UNACKNOWLEDGED {
                break;
            }
            let write = self.choose();
            match self.perform(write).await {
                Outcome::Done(user) => {
                    self.own.extend(user);
                    self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Unacknowledged(write) => unacknowledged.push(write),
                Outcome::Unsent => {
                    self.put_back(write);
                    break;
                }
            }
        }
        WriterResult { own: self.own, unacknowledged }
    }

    /// Chooses the next write. Its user is removed from the list until the outcome is known.
    fn choose(&mut self) -> Write {
        let crowded = self.own.len() >= MANY_USERS;
        let dice = self.rng.random_range(0..10);
        if self.own.is_empty() || dice < if crowded { 2 } else { 5 } {
            return Write::Create(self.shared.next.fetch_add(1, Ordering::Relaxed));
        }
        let (id, entry) = self.own.swap_remove(self.rng.random_range(0..self.own.len()));
        if dice < 7 { Write::Edit(id, entry) } else { Write::Delete(id, entry) }
    }

    fn put_back(&mut self, write: Write) {
        if let Write::Edit(id, entry) | Write::Delete(id, entry) = write {
            self.own.push((id, entry));
        }
    }

    async fn perform(&self, write: Write) -> Outcome {
        let Shared { api, people, .. } = &self.shared;
        let response = match write.request(api, *people).try_send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Outcome::Unsent,
            Err(_) => return Outcome::Unacknowledged(Unacknowledged { write, refused: false }),
        };
        match response.code() {
            503 => {
                // Shorter than requested, so that the test also covers writes during the overload or shutdown.
                tokio::time::sleep(retry_after(&response).min(Duration::from_millis(20))).await;
                Outcome::Unacknowledged(Unacknowledged { write, refused: true })
            }
            504 => Outcome::Unacknowledged(Unacknowledged { write, refused: false }),
            _ => Outcome::Done(write.result(*people, &response.expect(write.statuses().0))),
        }
    }
}

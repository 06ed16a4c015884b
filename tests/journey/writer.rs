//! Clients that create, edit and delete at random, and know afterwards what they were told of each write.

use crate::journey::api::{Api, id_of, retry_after};
use crate::journey::check::check;
use crate::journey::people::People;
use crate::journey::population::{Entry, Known, Population};
use crate::support::http::{Answer, Request};
use rand::RngExt;
use rand_xorshift::XorShiftRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// One write. Repeating it does no harm: names are unique, and the others name the version they mean.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Create(u32),
    Edit(Uuid, Entry),
    Delete(Uuid, Entry),
}

impl Act {
    fn request(self, api: &Api, people: People) -> Request {
        let client = &api.client;
        match self {
            Self::Create(index) => client.post("/users", &people.person(index)),
            Self::Edit(id, entry) => client
                .patch(&format!("/users/{id}"), &people.edit(entry.index, entry.version()))
                .header("if-match", &entry.etag()),
            Self::Delete(id, entry) => {
                client.delete(&format!("/users/{id}")).header("if-match", &entry.etag())
            }
        }
    }

    /// The status of success, and the one which says that it had been done before.
    const fn statuses(self) -> (u16, u16) {
        match self {
            Self::Create(_) => (201, 409),
            Self::Edit(..) => (200, 412),
            Self::Delete(..) => (204, 404),
        }
    }

    /// The user as it is after a success, which is checked with all that the answer says.
    pub(crate) fn result(self, people: People, answer: &Answer) -> Option<Known> {
        let (id, entry) = match self {
            Self::Create(index) => (id_of(&answer.json()), Entry::new(index)),
            Self::Edit(id, entry) => (id, entry.edited()),
            Self::Delete(..) => return None,
        };
        check(people, id, entry, &answer.json());
        assert_eq!(answer.header("etag"), Some(entry.etag().as_str()));
        if matches!(self, Self::Create(_)) {
            assert_eq!(answer.header("location"), Some(format!("/users/{id}").as_str()));
        }
        Some((id, entry))
    }

    /// Does it, and lets nothing but success pass.
    pub(crate) async fn carry_out(self, api: &Api, people: People) -> Option<Known> {
        let answer = api.insist(self.request(api, people)).await.expect(self.statuses().0);
        self.result(people, &answer)
    }
}

/// A write that was not acknowledged.
#[derive(Debug)]
pub(crate) struct Doubt {
    act: Act,
    /// The answer was 503, so nothing was done. Else nothing is known.
    pub(crate) refused: bool,
}

impl Doubt {
    /// Asks once more. Afterwards it has been done, and exactly once. Gives whether it had been done before.
    pub(crate) async fn settle(self, api: &Api, people: People, population: &mut Population) -> bool {
        let answer = api.insist(self.act.request(api, people)).await;
        let (success, repeated) = self.act.statuses();
        if self.refused || answer.code() != repeated {
            let answer = answer.expect(success);
            population.extend(self.act.result(people, &answer));
            return false;
        }
        match self.act {
            Act::Create(index) => {
                let name = people.person(index)["userName"].as_str().map(str::to_owned);
                population.nameless.insert(name.expect("everyone has one"), index);
            }
            Act::Edit(id, entry) => population.extend([(id, entry.edited())]),
            Act::Delete(..) => {}
        }
        true
    }
}

enum Outcome {
    Done(Option<Known>),
    Doubtful(Doubt),
    /// No connection was made: the server is gone, and nothing was sent to it.
    Unsent,
}

/// What several writers share.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    pub(crate) api: Api,
    pub(crate) people: People,
    /// The number of the next person to be made.
    pub(crate) next: Arc<AtomicU32>,
    /// How many writes were acknowledged.
    pub(crate) acknowledged: Arc<AtomicU64>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// One client with users that no other client writes to.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) crew: Crew,
    pub(crate) rng: XorShiftRng,
    pub(crate) own: Vec<Known>,
}

/// What a writer leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Legacy {
    pub(crate) own: Vec<Known>,
    pub(crate) doubts: Vec<Doubt>,
}

/// How many users a writer has before it deletes more than it creates.
const ENOUGH: usize = 100;

/// Nothing goes on for ever: a server that refuses so much is not being tested any more.
const MOST_DOUBTS: usize = 1_000;

impl Writer {
    /// Writes until it is told to stop, has done `most` writes, or finds the server gone.
    pub(crate) async fn run(mut self, most: u64) -> Legacy {
        let mut doubts = Vec::new();
        for _ in 0..most {
            if self.crew.stop.load(Ordering::Relaxed) || doubts.len() >= MOST_DOUBTS {
                break;
            }
            let act = self.choose();
            match self.perform(act).await {
                Outcome::Done(user) => {
                    self.own.extend(user);
                    self.crew.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Doubtful(doubt) => doubts.push(doubt),
                Outcome::Unsent => {
                    self.give_back(act);
                    break;
                }
            }
        }
        Legacy { own: self.own, doubts }
    }

    /// The next write. Its user leaves the list until the outcome is known.
    fn choose(&mut self) -> Act {
        let crowded = self.own.len() >= ENOUGH;
        let dice = self.rng.random_range(0..10);
        if self.own.is_empty() || dice < if crowded { 2 } else { 5 } {
            return Act::Create(self.crew.next.fetch_add(1, Ordering::Relaxed));
        }
        let (id, entry) = self.own.swap_remove(self.rng.random_range(0..self.own.len()));
        if dice < 7 { Act::Edit(id, entry) } else { Act::Delete(id, entry) }
    }

    fn give_back(&mut self, act: Act) {
        if let Act::Edit(id, entry) | Act::Delete(id, entry) = act {
            self.own.push((id, entry));
        }
    }

    async fn perform(&self, act: Act) -> Outcome {
        let Crew { api, people, .. } = &self.crew;
        let answer = match act.request(api, *people).try_send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Outcome::Unsent,
            Err(_) => return Outcome::Doubtful(Doubt { act, refused: false }),
        };
        match answer.code() {
            503 => {
                // Not the whole time that it asks for: what it refuses now is what this is about.
                tokio::time::sleep(retry_after(&answer).min(Duration::from_millis(20))).await;
                Outcome::Doubtful(Doubt { act, refused: true })
            }
            504 => Outcome::Doubtful(Doubt { act, refused: false }),
            _ => Outcome::Done(act.result(*people, &answer.expect(act.statuses().0))),
        }
    }
}

//! Phases in which nothing goes wrong: create, list while others write, read, edit, delete.

use crate::journey::census;
use crate::journey::check::check;
use crate::journey::population::Known;
use crate::journey::scenario::{Journey, share};
use crate::journey::writer::{Act, Crew, Legacy, Writer};
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::task::JoinSet;

const CLIENTS: usize = 64;
const WRITERS: u32 = 8;

impl Journey {
    /// Creates the people with the numbers from 0 to `count`.
    pub(crate) async fn create(&mut self, count: u32) {
        let (api, people) = (self.api.clone(), self.people);
        let since = Instant::now();
        let created = share(0..count, CLIENTS, move |index| {
            let api = api.clone();
            async move { Act::Create(index).carry_out(&api, people).await }
        });
        self.population.extend(created.await.into_iter().flatten());
        assert_eq!(self.population.known.len(), count as usize);
        self.note("create, 64 clients", count.into(), since);
    }

    /// Walks through all users while others come, change and go: by the largest pages, and by those of default size.
    pub(crate) async fn list_while_others_write(&mut self) {
        let crew = self.crew();
        let (since, strangers) = (Instant::now(), self.next.load(Ordering::Relaxed));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let rng = self.people.rng(u32::MAX, writer);
            // Bounded, so that the writers cannot outrun the reader for ever.
            let most = (self.population.known.len() / 4 + 250) as u64;
            writers.spawn(Writer { crew: crew.clone(), rng, own: Vec::new() }.run(most));
        }
        self.wait_for_writes(&crew, u64::from(WRITERS)).await;
        for (name, limit) in
            [("list, 500 a page, others write", Some(500)), ("list, 50 a page, others write", None)]
        {
            self.census(name, limit, Some(strangers)).await;
        }
        crew.stop.store(true, Ordering::Relaxed);
        let legacies = writers.join_all().await;
        let written = crew.acknowledged.load(Ordering::Relaxed);
        self.note("writes by 8 clients meanwhile", written, since);
        self.inherit_undisturbed(legacies).await;
    }

    /// Nothing disturbed these writers, so everything but a refusal was acknowledged.
    async fn inherit_undisturbed(&mut self, legacies: Vec<Legacy>) {
        for legacy in legacies {
            self.population.extend(legacy.own);
            for doubt in legacy.doubts {
                assert!(doubt.refused, "unknown outcome of {doubt:?}");
                doubt.settle(&self.api, self.people, &mut self.population).await;
            }
        }
    }

    /// Walks through all users and compares each with the model.
    pub(crate) async fn census(&mut self, name: &str, limit: Option<usize>, strangers_from: Option<u32>) {
        let walk = census::take(&self.api, self.people, &mut self.population, limit, strangers_from).await;
        let total = self.population.known.len() as u64;
        assert!(walk.items == total || strangers_from.is_some() && walk.items > total);
        self.report.phase(name, walk.pages, walk.waited, self.api.take_refused());
    }

    /// Reads users by id.
    pub(crate) async fn read(&mut self, count: usize) {
        let (api, people) = (self.api.clone(), self.people);
        let sample = self.sample(count);
        let (requests, since) = (sample.len() as u64, Instant::now());
        share(sample, CLIENTS, move |(id, entry): Known| {
            let api = api.clone();
            async move {
                let answer = api.insist(api.client.get(&format!("/users/{id}"))).await.expect(200);
                assert_eq!(answer.header("etag"), Some(entry.etag().as_str()));
                check(people, id, entry, &answer.json());
            }
        })
        .await;
        self.note("read by id, 64 clients", requests, since);
    }

    /// Edits users: with the right tag it works, with the one of before it does not.
    pub(crate) async fn edit(&mut self, count: usize) {
        let (api, people) = (self.api.clone(), self.people);
        let sample = self.sample(count);
        let (requests, since) = (2 * sample.len() as u64, Instant::now());
        let edited = share(sample, CLIENTS, move |(id, entry): Known| {
            let api = api.clone();
            async move {
                let (_, edited) = Act::Edit(id, entry).carry_out(&api, people).await.expect("an edited user");
                let next = people.edit(edited.index, edited.version());
                let stale =
                    api.client.patch(&format!("/users/{id}"), &next).header("if-match", &entry.etag());
                api.insist(stale).await.expect(412);
                (id, edited)
            }
        });
        self.population.known.extend(edited.await);
        self.note("edit, and stale edit, 64 clients", requests, since);
    }

    /// Deletes users, after which they are gone.
    pub(crate) async fn delete(&mut self, count: usize) {
        let (api, people) = (self.api.clone(), self.people);
        let sample = self.population.lend(count, &mut self.rng);
        let (requests, since) = (2 * sample.len() as u64, Instant::now());
        share(sample, CLIENTS, move |(id, entry): Known| {
            let api = api.clone();
            async move {
                Act::Delete(id, entry).carry_out(&api, people).await;
                api.insist(api.client.get(&format!("/users/{id}"))).await.expect(404);
            }
        })
        .await;
        self.note("delete, and read again, 64 clients", requests, since);
    }

    fn sample(&mut self, count: usize) -> Vec<Known> {
        self.population.sample(count, &mut self.rng)
    }

    /// What the writers of a phase share.
    pub(crate) fn crew(&self) -> Crew {
        Crew {
            api: self.api.clone(),
            people: self.people,
            next: self.next.clone(),
            acknowledged: Default::default(),
            stop: Default::default(),
        }
    }

    fn note(&mut self, name: &str, requests: u64, since: Instant) {
        self.report.phase(name, requests, since.elapsed(), self.api.take_refused());
    }
}

//! Phases without interruptions: create, list during writes, read, edit and delete.

use crate::journey::check::check;
use crate::journey::model::KnownUser;
use crate::journey::scenario::{Journey, run_concurrently};
use crate::journey::verify;
use crate::journey::writer::{Shared, Write, Writer, WriterResult};
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::task::JoinSet;

const CLIENTS: usize = 64;
const WRITERS: u32 = 8;

impl Journey {
    /// Creates the users with the numbers from 0 to `count`.
    pub(crate) async fn create(&mut self, count: u32) {
        let (api, people) = (self.api.clone(), self.people);
        let since = Instant::now();
        let created = run_concurrently(0..count, CLIENTS, move |index| {
            let api = api.clone();
            async move { Write::Create(index).send_successfully(&api, people).await }
        });
        self.model.extend(created.await.into_iter().flatten());
        assert_eq!(self.model.known.len(), count as usize);
        self.record_phase("create, 64 clients", count.into(), since);
    }

    /// Lists all users during concurrent writes, with the largest pages and with pages of the default size.
    pub(crate) async fn list_while_others_write(&mut self) {
        let shared = self.shared();
        let (since, new_from) = (Instant::now(), self.next.load(Ordering::Relaxed));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let rng = self.people.rng(u32::MAX, writer);
            // Bounded, so that the list does not grow faster than the reader can follow.
            let max_writes = (self.model.known.len() / 4 + 250) as u64;
            writers.spawn(Writer { shared: shared.clone(), rng, own: Vec::new() }.run(max_writes));
        }
        self.wait_for_writes(&shared, u64::from(WRITERS)).await;
        for (name, limit) in
            [("list, 500 per page, during writes", Some(500)), ("list, 50 per page, during writes", None)]
        {
            self.verify(name, limit, Some(new_from)).await;
        }
        shared.stop.store(true, Ordering::Relaxed);
        let results = writers.join_all().await;
        let written = shared.acknowledged.load(Ordering::Relaxed);
        self.record_phase("writes by 8 clients during the lists", written, since);
        self.add_results(results).await;
    }

    /// Adds the results of writers whose server was not interrupted, so only rejected writes may be unacknowledged.
    async fn add_results(&mut self, results: Vec<WriterResult>) {
        for result in results {
            self.model.extend(result.own);
            for write in result.unacknowledged {
                assert!(write.refused, "the outcome is unknown: {write:?}");
                write.resolve(&self.api, self.people, &mut self.model).await;
            }
        }
    }

    /// Compares the list of all users with the model.
    pub(crate) async fn verify(&mut self, name: &str, limit: Option<usize>, new_from: Option<u32>) {
        let stats = verify::verify(&self.api, self.people, &mut self.model, limit, new_from).await;
        let total = self.model.known.len() as u64;
        assert!(stats.items == total || new_from.is_some() && stats.items > total);
        self.report.phase(name, stats.pages, stats.waited, self.api.take_refused());
    }

    /// Reads users by id.
    pub(crate) async fn read(&mut self, count: usize) {
        let (api, people) = (self.api.clone(), self.people);
        let sample = self.sample(count);
        let (requests, since) = (sample.len() as u64, Instant::now());
        run_concurrently(sample, CLIENTS, move |(id, entry): KnownUser| {
            let api = api.clone();
            async move {
                let response = api.send(api.client.get(&format!("/users/{id}"))).await.expect(200);
                assert_eq!(response.header("etag"), Some(entry.etag().as_str()));
                check(people, id, entry, &response.json());
            }
        })
        .await;
        self.record_phase("read by id, 64 clients", requests, since);
    }

    /// Edits users with the current ETag, and checks that the previous ETag is rejected.
    pub(crate) async fn edit(&mut self, count: usize) {
        let (api, people) = (self.api.clone(), self.people);
        let sample = self.sample(count);
        let (requests, since) = (2 * sample.len() as u64, Instant::now());
        let edited = run_concurrently(sample, CLIENTS, move |(id, entry): KnownUser| {
            let api = api.clone();
            async move {
                let (_, edited) = Write::Edit(id, entry)
                    .send_successfully(&api, people)
                    .await
                    .expect("an edit returns the user");
                let next = people.edit(edited.index, edited.version());
                let stale =
                    api.client.patch(&format!("/users/{id}"), &next).header("if-match", &entry.etag());
                api.send(stale).await.expect(412);
                (id, edited)
            }
        });
        self.model.known.extend(edited.await);
        self.record_phase("edit, and stale edit, 64 clients", requests, since);
    }

    /// Deletes users, and checks that they are no longer found.
    pub(crate) async fn delete(&mut self, count: usize) {
        let (api, people) = (self.api.clone(), self.people);
        let sample = self.model.take(count, &mut self.rng);
        let (requests, since) = (2 * sample.len() as u64, Instant::now());
        run_concurrently(sample, CLIENTS, move |(id, entry): KnownUser| {
            let api = api.clone();
            async move {
                Write::Delete(id, entry).send_successfully(&api, people).await;
                api.send(api.client.get(&format!("/users/{id}"))).await.expect(404);
            }
        })
        .await;
        self.record_phase("delete, and read again, 64 clients", requests, since);
    }

    fn sample(&mut self, count: usize) -> Vec<KnownUser> {
        self.model.sample(count, &mut self.rng)
    }

    /// The shared state for the writers of a phase.
    pub(crate) fn shared(&self) -> Shared {
        Shared {
            api: self.api.clone(),
            people: self.people,
            next: self.next.clone(),
            acknowledged: Default::default(),
            stop: Default::default(),
        }
    }

    fn record_phase(&mut self, name: &str, requests: u64, since: Instant) {
        self.report.phase(name, requests, since.elapsed(), self.api.take_refused());
    }
}

//! A semaphore that is fair between classes, tenants and keys.

use super::DbError;
use super::waiting::{Flow, WaitingRoom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A limit on how much runs at the same time.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Mutex<State>>);

struct State {
    free: usize,
    waiting: WaitingRoom<oneshot::Sender<Turn>>,
}

/// The right to run until this value is dropped.
pub(crate) struct Turn(Turns);

impl Turns {
    /// Allows `count` turns at the same time, for which `places` requests of each class can wait.
    pub(crate) fn new(count: usize, places: usize) -> Self {
        let state = State { free: count, waiting: WaitingRoom::new(places) };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] if the class has no place left and this flow is its longest, or becomes it while it waits.
    pub(crate) async fn wait(&self, flow: Flow) -> Result<Turn, DbError> {
        let (sender, turn) = oneshot::channel();
        // Dropping a sender refuses its request.
        let refused = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(self.clone()));
            }
            state.waiting.push(flow, sender)
        };
        drop(refused);
        turn.await.map_err(|_refused| DbError::Overloaded)
    }

    /// The next request that still waits. If there is none, the turn is free.
    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut state = self.lock();
        let next = std::iter::from_fn(|| state.waiting.take(|_| true)).find(|sender| !sender.is_closed());
        state.free += usize::from(next.is_none());
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(next) = self.0.next() {
            // If the request has just stopped waiting, this drops the new turn, and another request gets it.
            drop(next.send(Self(self.0.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Class;
    use crate::domain::origin::{Actor, ActorKind};
    use std::time::Duration;
    use tokio::task::JoinHandle;
    use uuid::Uuid;

    fn flow(tenant: u128) -> Flow {
        let actor = Actor { kind: ActorKind::Key, id: "a".into() };
        Flow { class: Class::Page, tenant: Uuid::from_u128(tenant), actor }
    }

    /// Waits in the background. Returns once the request is in the waiting room.
    async fn wait(turns: &Turns, tenant: u128) -> JoinHandle<Result<Turn, DbError>> {
        let turns = turns.clone();
        let waiting = tokio::spawn(async move { turns.wait(flow(tenant)).await });
        tokio::task::yield_now().await;
        waiting
    }

    #[tokio::test]
    async fn tenants_take_turns() {
        let turns = Turns::new(1, 10);
        let first = turns.wait(flow(1)).await.ok();
        let flood = [wait(&turns, 1).await, wait(&turns, 1).await];
        let other = wait(&turns, 2).await;
        drop(first);
        let [second, third] = flood;
        let second = second.await.unwrap().ok();
        assert!(second.is_some() && !other.is_finished() && !third.is_finished());
        drop(second);
        let turn = other.await.unwrap().ok();
        assert!(turn.is_some() && !third.is_finished());
        drop(turn);
        assert!(third.await.unwrap().is_ok());
        assert_eq!(turns.lock().free, 1);
    }

    #[tokio::test]
    async fn a_flood_is_refused_and_others_wait() {
        let turns = Turns::new(1, 2);
        let first = turns.wait(flow(1)).await.ok();
        let [waiting, newest] = [wait(&turns, 1).await, wait(&turns, 1).await];
        assert_eq!(turns.wait(flow(1)).await.err(), Some(DbError::Overloaded));
        let other = wait(&turns, 2).await;
        assert_eq!(newest.await.unwrap().err(), Some(DbError::Overloaded));
        drop(first);
        drop(waiting.await.unwrap());
        assert!(other.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn requests_that_no_longer_wait_use_no_turn() {
        let turns = Turns::new(1, 10);
        let first = turns.wait(flow(1)).await.ok();
        for _ in 0..3 {
            wait(&turns, 1).await.abort();
        }
        tokio::time::timeout(Duration::from_millis(1), turns.wait(flow(2)))
            .await
            .err()
            .expect("no turn is free");
        let last = wait(&turns, 1).await;
        drop(first);
        drop(last.await.unwrap());
        assert_eq!(turns.lock().free, 1);
    }
}

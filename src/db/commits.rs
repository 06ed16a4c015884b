//! Wakes tasks that wait for commits to a tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// The channels to the subscribers of each tenant.
#[derive(Default)]
pub struct Commits(Mutex<HashMap<Uuid, watch::Sender<News>>>);

/// The state that the subscribers of a tenant watch.
#[derive(Clone, Copy, Default)]
struct News {
    /// The number of commits of this process, and of other reasons to read the tenant again.
    wakes: u64,
    /// The newest known head. Commits of other processes change only this.
    head: Option<Head>,
}

/// The head of a tenant's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The newest revision.
    pub revision: i64,
    /// The epoch of the history.
    pub epoch: Uuid,
}

/// A subscription to the commits of one tenant.
pub struct Subscription {
    commits: Arc<Commits>,
    tenant: Uuid,
    news: watch::Receiver<News>,
    /// The value of [`News::wakes`] up to which the subscriber has been woken.
    wakes: u64,
}

impl Commits {
    /// Subscribes to the commits of a tenant.
    pub fn subscribe(self: &Arc<Self>, tenant: Uuid) -> Subscription {
        let news = self.lock().entry(tenant).or_default().subscribe();
        let wakes = news.borrow().wakes;
        Subscription { commits: self.clone(), tenant, news, wakes }
    }

    /// Wakes the subscribers of these tenants, in which this process has committed.
    pub(super) fn publish(&self, tenants: &[Uuid]) {
        let all = self.lock();
        tenants.iter().filter_map(|tenant| all.get(tenant)).for_each(wake);
    }

    /// Wakes the subscribers of a tenant.
    pub fn wake(&self, tenant: Uuid) {
        self.publish(&[tenant]);
    }

    /// Wakes all subscribers.
    pub fn wake_all(&self) {
        self.lock().values().for_each(wake);
    }

    /// The tenants that have subscribers.
    #[must_use]
    pub fn tenants(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    /// Records the current head of a tenant and wakes the subscribers that have not read up to it.
    pub fn set_head(&self, tenant: Uuid, head: Head) {
        if let Some(news) = self.lock().get(&tenant) {
            news.send_if_modified(|news| news.head.replace(head) != Some(head));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<News>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(news: &watch::Sender<News>) {
    news.send_modify(|news| news.wakes += 1);
}

impl Subscription {
    /// Waits until there is a reason to read the tenant again: a commit since the last return of this method or, at first,
    /// since the subscription, or a head other than `read`, up to which the subscriber has read.
    pub async fn changed(&mut self, read: Head) {
        let Self { news, wakes, .. } = self;
        let is_new = |news: &News| {
            let differs = |head: Head| head.epoch != read.epoch || head.revision > read.revision;
            news.wakes != *wakes || news.head.is_some_and(differs)
        };
        // The channel exists as long as it has subscribers.
        if let Ok(news) = news.wait_for(is_new).await {
            self.wakes = news.wakes;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut all = self.commits.lock();
        // The receiver must be dropped while the lock is held, so that one of two subscribers finds itself to be the last.
        self.news = watch::channel(News::default()).1;
        if all.get(&self.tenant).is_some_and(|news| news.receiver_count() == 0) {
            all.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const TENANT: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn head(revision: i64, epoch: u128) -> Head {
        Head { revision, epoch: Uuid::from_u128(epoch) }
    }

    fn is_woken(subscription: &mut Subscription, read: Head) -> bool {
        subscription.changed(read).now_or_never().is_some()
    }

    #[test]
    fn a_commit_wakes_each_subscriber_of_its_tenant_once() {
        let commits = Arc::new(Commits::default());
        let [mut first, mut second, mut other] =
            [TENANT, TENANT, OTHER].map(|tenant| commits.subscribe(tenant));
        assert!(!is_woken(&mut first, head(0, 0)));
        commits.publish(&[TENANT, Uuid::from_u128(3)]);
        for subscription in [&mut first, &mut second] {
            assert!(is_woken(subscription, head(0, 0)));
            assert!(!is_woken(subscription, head(0, 0)));
        }
        assert!(!is_woken(&mut other, head(0, 0)));
        let mut new = commits.subscribe(TENANT);
        assert!(!is_woken(&mut new, head(0, 0)));
        commits.wake_all();
        assert!([&mut first, &mut new, &mut other].into_iter().all(|one| is_woken(one, head(0, 0))));
    }

    #[test]
    fn a_head_wakes_only_subscribers_that_have_not_read_it() {
        let commits = Arc::new(Commits::default());
        let mut subscription = commits.subscribe(TENANT);
        commits.set_head(TENANT, head(7, 0));
        assert!(is_woken(&mut subscription, head(6, 0)));
        assert!(!is_woken(&mut subscription, head(7, 0)));
        assert!(!is_woken(&mut subscription, head(8, 0)));
        commits.set_head(TENANT, head(7, 1));
        assert!(is_woken(&mut subscription, head(7, 0)));
    }

    #[test]
    fn a_tenant_is_forgotten_with_its_last_subscriber() {
        let commits = Arc::new(Commits::default());
        let subscriptions = [TENANT, TENANT].map(|tenant| commits.subscribe(tenant));
        for subscription in subscriptions {
            assert_eq!(commits.tenants(), [TENANT]);
            drop(subscription);
        }
        assert!(commits.tenants().is_empty());
    }
}

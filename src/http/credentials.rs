//! The cache of keys, tokens and tenant names, so that most requests need no database call for authentication.

use crate::db::Database;
use crate::domain::key::{Credential, Secret, SecretHash};
use crate::domain::origin::Origin;
use crate::domain::time::Timestamp;
use crate::metrics::{Computed, UNLABELLED};
use crate::ops::OpError;
use crate::ops::connections;
use crate::ops::keys::{Identify, RecordUse};
use crate::ops::tenants::FindByName;
use actix_web::rt;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The age at which an entry is reloaded in the background, while it is still used.
const REFRESH_AFTER: Duration = Duration::from_millis(900);
/// The age at which an entry expires. A key that was revoked on another server must be refused within two seconds.
const TIME_TO_LIVE: Duration = Duration::from_millis(1_800);
/// The maximum number of keys, and of tenants, in the cache.
const CAPACITY: usize = 10_000;

/// The cached keys, tokens and tenant names, and the times of use that are not written to the database yet.
pub struct Credentials {
    database: Database,
    keys: Arc<TtlCache<Uuid, (Arc<Credential>, SecretHash)>>,
    tenants: Arc<TtlCache<String, Uuid>>,
    used: Mutex<HashMap<Uuid, Timestamp>>,
    hits: Counter,
    misses: Counter,
}

/// The entries that a write makes stale.
#[derive(Clone, Copy)]
pub(super) enum Stale {
    /// A key or token, by its id.
    One(Uuid),
    /// All keys, tokens and tenant names.
    All,
}

impl Credentials {
    /// An empty cache.
    pub fn new(database: Database) -> Self {
        let (keys, tenants, used) = (Arc::default(), Arc::default(), Mutex::default());
        Self { database, keys, tenants, used, hits: Counter::default(), misses: Counter::default() }
    }

    /// Adds the metrics of the cache of keys and tokens.
    pub(super) fn register(&self, registry: &mut Registry) {
        let (hits, misses, keys) = (self.hits.clone(), self.misses.clone(), self.keys.clone());
        let lookups = Computed::counter(move || {
            [("hit", hits.get()), ("miss", misses.get())]
                .map(|(result, count)| ([("result", result)], count as f64))
        });
        registry.register("key_cache_lookups", "Lookups of keys and tokens in the cache", lookups);
        let entries = Computed::gauge(move || [(UNLABELLED, keys.len() as f64)]);
        registry.register("key_cache_entries", "Keys and tokens in the cache", entries);
    }

    /// The credential of a secret, if it is in the cache.
    pub(super) fn cached(&self, secret: &Secret) -> Option<Arc<Credential>> {
        let found = self.keys.get(&secret.id());
        if found.is_some() { &self.hits } else { &self.misses }.inc();
        let (found, stale) = found?;
        if stale {
            let (keys, database, id) = (self.keys.clone(), self.database.clone(), secret.id());
            rt::spawn(async move { drop(read_key(&keys, &database, id, None).await) });
        }
        verified(found, secret)
    }

    /// Whether the credential of a secret is in the cache, expired or not.
    pub(super) fn was_cached(&self, secret: &Secret) -> bool {
        self.keys.get_expired(&secret.id()).is_some_and(|found| verified(found, secret).is_some())
    }

    /// Reads the credential of a secret from the database before the request's deadline.
    pub(super) async fn load(
        &self,
        secret: &Secret,
        deadline: Option<Instant>,
    ) -> Result<Option<Arc<Credential>>, OpError> {
        let found = read_key(&self.keys, &self.database, secret.id(), deadline).await?;
        Ok(found.and_then(|found| verified(found, secret)))
    }

    /// The id of the tenant with this name.
    pub(super) async fn tenant(
        &self,
        name: &str,
        deadline: Option<Instant>,
    ) -> Result<Option<Uuid>, OpError> {
        if let Some((id, false)) = self.tenants.get(name) {
            return Ok(Some(id));
        }
        let since = self.tenants.generation();
        let origin = Origin { deadline, ..Origin::server() };
        let found = self.database.call(&origin, FindByName { name: name.to_owned() }).await?;
        self.tenants.put(name.to_owned(), found, since);
        Ok(found)
    }

    /// Runs a write and then drops the entries that it makes stale. They are dropped whatever the result, and also when
    /// the request is cancelled, because the write may have been committed nevertheless.
    pub(super) async fn invalidating<T>(&self, stale: Stale, write: impl Future<Output = T>) -> T {
        let _invalidation = OnDrop(|| match stale {
            Stale::One(id) => self.keys.remove(&id),
            Stale::All => {
                self.keys.clear();
                self.tenants.clear();
            }
        });
        write.await
    }

    /// Records that a key was used.
    pub(super) fn used(&self, id: Uuid, now: Timestamp) {
        let mut used = lock(&self.used);
        if used.len() < CAPACITY || used.contains_key(&id) {
            used.insert(id, now);
        }
    }

    /// Writes the recorded times of use to the database.
    ///
    /// # Errors
    /// Any error of the database. The times of use are then lost.
    pub async fn write_uses(&self) -> Result<(), OpError> {
        let mut used: Vec<_> = std::mem::take(&mut *lock(&self.used)).into_iter().collect();
        // Every server locks the rows in the same order, so that they cannot deadlock.
        used.sort_unstable();
        if used.is_empty() {
            return Ok(());
        }
        self.database.call(&Origin::server(), RecordUse(used)).await
    }
}

fn verified((credential, hash): (Arc<Credential>, SecretHash), secret: &Secret) -> Option<Arc<Credential>> {
    hash.matches(secret).then_some(credential)
}

async fn read_key(
    keys: &TtlCache<Uuid, (Arc<Credential>, SecretHash)>,
    database: &Database,
    id: Uuid,
    deadline: Option<Instant>,
) -> Result<Option<(Arc<Credential>, SecretHash)>, OpError> {
    let since = keys.generation();
    let origin = Origin { deadline, ..Origin::server() };
    let found = match database.call(&origin, Identify { id }).await? {
        Some((key, hash)) => Some((key.into(), hash)),
        None => {
            let token = database.call(&origin, connections::Identify { id }).await?;
            token.map(|(token, connection, hash)| ((token, connection).into(), hash))
        }
    };
    let found = found.map(|(credential, hash): (Credential, _)| (Arc::new(credential), hash));
    keys.put(id, found.clone(), since);
    Ok(found)
}

/// A cache whose entries expire after [`TIME_TO_LIVE`].
struct TtlCache<K, V>(Mutex<Values<K, V>>);

struct Values<K, V> {
    map: HashMap<K, Entry<V>>,
    /// The number of removals. A value that was read before a removal must not be inserted after it.
    generation: u64,
}

struct Entry<V> {
    value: V,
    /// The time at which the read of the value began.
    since: Instant,
    reloading: bool,
}

impl<K, V> Default for TtlCache<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Values { map: HashMap::new(), generation: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> TtlCache<K, V> {
    /// A value that has not expired, and whether the caller should reload it.
    fn get<Q>(&self, key: &Q) -> Option<(V, bool)>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut values = lock(&self.0);
        let entry = values.map.get_mut(key)?;
        let age = entry.since.elapsed();
        let stale = age >= REFRESH_AFTER && !entry.reloading;
        entry.reloading |= stale;
        (age < TIME_TO_LIVE).then(|| (entry.value.clone(), stale))
    }

    fn len(&self) -> usize {
        lock(&self.0).map.len()
    }

    fn get_expired(&self, key: &K) -> Option<V> {
        lock(&self.0).map.get(key).map(|entry| entry.value.clone())
    }

    /// The state before a value is read, to be passed to [`TtlCache::put`].
    fn generation(&self) -> (u64, Instant) {
        (lock(&self.0).generation, Instant::now())
    }

    /// Inserts a value, unless anything was removed since its read began.
    fn put(&self, key: K, value: Option<V>, (generation, since): (u64, Instant)) {
        let mut values = lock(&self.0);
        if values.generation != generation {
            if let Some(entry) = values.map.get_mut(&key) {
                entry.reloading = false;
            }
            return;
        }
        let Some(value) = value else {
            values.map.remove(&key);
            return;
        };
        if values.map.len() >= CAPACITY {
            values.map.retain(|_, entry| entry.since.elapsed() < TIME_TO_LIVE);
        }
        if values.map.len() < CAPACITY || values.map.contains_key(&key) {
            values.map.insert(key, Entry { value, since, reloading: false });
        }
    }

    fn remove(&self, key: &K) {
        let mut values = lock(&self.0);
        values.generation += 1;
        values.map.remove(key);
    }

    fn clear(&self) {
        let mut values = lock(&self.0);
        values.generation += 1;
        values.map.clear();
    }
}

/// Calls a function when it is dropped.
pub(super) struct OnDrop<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

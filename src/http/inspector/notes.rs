//! Notes that are collected while a request is processed.

use crate::domain::inspector::{Captured, Note};
use crate::domain::scim::reading::Notes;
use crate::domain::scim::{Profile, Reading};
use crate::http::problem::Problem;
use actix_web::{HttpMessage, HttpRequest};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The notes on a request, and, if the request is recorded, its bodies. Clones share them.
#[derive(Clone, Default)]
pub(in crate::http) struct RequestNotes(Arc<Mutex<Collected>>);

/// What has been collected about a request.
#[derive(Default)]
pub(super) struct Collected {
    /// Whether the request is recorded. Otherwise, only the deviations are collected, for the log.
    is_recorded: bool,
    /// What the lenient profile ignored or converted.
    pub(super) deviations: Notes,
    /// Why the request, or operations of a bulk request, were rejected.
    pub(super) rejections: Vec<Note>,
    pub(super) request: Option<Captured>,
    pub(super) response: Option<Captured>,
}

/// The maximum number of rejections that are noted.
const MAX_REJECTIONS: usize = 20;

impl fmt::Display for RequestNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().deviations.fmt(f)
    }
}

impl RequestNotes {
    /// The notes on a request.
    pub(in crate::http) fn of(request: &HttpRequest) -> Self {
        request.extensions_mut().get_or_insert_with(Self::default).clone()
    }

    /// The notes on a request that is recorded.
    pub(super) fn recorded() -> Self {
        Self(Arc::new(Mutex::new(Collected { is_recorded: true, ..Collected::default() })))
    }

    /// The notes on a request, if it is recorded.
    pub(in crate::http) fn of_recorded(request: &HttpRequest) -> Option<Self> {
        let notes = request.extensions().get::<Self>().cloned();
        notes.filter(|notes| notes.lock().is_recorded)
    }

    /// Reads a part of the request, and keeps the notes on it.
    pub(in crate::http) fn read<T>(&self, profile: Profile, read: impl FnOnce(&Reading) -> T) -> T {
        let reading = Reading::new(profile);
        let result = read(&reading);
        self.lock().deviations.add(reading.into_notes());
        result
    }

    /// Whether there are no notes for the log.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.lock().deviations.is_empty()
    }

    /// Notes that an operation of a bulk request was rejected.
    pub(in crate::http) fn reject_operation(&self, index: usize, problem: &Problem) {
        let mut collected = self.lock();
        if collected.is_recorded {
            let Note { code, detail } = problem.note();
            let detail = detail.map(|detail| format!("Operations[{index}]: {detail}"));
            collected.reject(Note { code, detail });
        }
    }

    /// Notes that the request was rejected.
    pub(super) fn reject(&self, problem: &Problem) {
        self.lock().reject(problem.note());
    }

    /// Records the next part of the body of the request.
    pub(in crate::http) fn append_to_request(&self, part: &[u8]) {
        self.lock().request.get_or_insert_default().append(part);
    }

    /// Records the body of the response.
    pub(in crate::http) fn capture_response(&self, body: &[u8]) {
        self.lock().response = Captured::of(body);
    }

    /// Takes everything that has been collected.
    pub(super) fn take(&self) -> Collected {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collected {
    fn reject(&mut self, note: Note) {
        if self.rejections.len() < MAX_REJECTIONS {
            self.rejections.push(note);
        }
    }
}

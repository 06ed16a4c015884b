//! Who asks, and how resources are shown to them.

use super::BASE;
use super::response::Done;
use crate::db::{DbError, Operation};
use crate::domain::idempotency::Request;
use crate::domain::scim::Profile;
use crate::domain::scim::resource::View;
use crate::domain::time::Timestamp;
use crate::http::State;
use crate::http::auth::{Caller, Reader, Writer};
use crate::http::problem::Problem;
use crate::ops::idempotency::Once;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use std::future::{Ready, ready};
use uuid::Uuid;

/// A request of a caller's. Reading needs role `reader`.
#[derive(Clone)]
pub(super) struct Context {
    caller: Caller,
    state: web::Data<State>,
    base: String,
}

impl Context {
    fn new(caller: Caller, request: &HttpRequest) -> Result<Self, Problem> {
        let state = request.app_data::<web::Data<State>>().cloned();
        let state = state.ok_or_else(|| Problem::internal("an internal error"))?;
        Ok(Self { caller, base: base(&state), state })
    }

    /// Has an operation carried out.
    pub(super) async fn call<O: Operation>(&self, operation: O) -> Result<O::Output, DbError> {
        self.state.database.call(&self.caller.origin, operation).await
    }

    /// Has a resource created and shown, once for a request of this name.
    pub(super) async fn create<O: Operation>(
        &self,
        (id, named): (Uuid, Option<Request>),
        operation: O,
        shown: impl Fn(&O::Output) -> Done + Send + Sync + 'static,
    ) -> Result<Done, DbError> {
        let Some(request) = named else { return Ok(shown(&self.call(operation).await?)) };
        let answer = move |output: &O::Output| shown(output).kept(id);
        self.call(Once { request, operation, answer: Box::new(answer) }).await.map(Done::again)
    }

    /// For lists, which are made of several calls.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// On whose behalf operations run.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The tenant that the caller acts in.
    pub(super) fn tenant(&self) -> Uuid {
        self.caller.tenant
    }

    /// How strictly requests are read.
    pub(super) fn profile(&self) -> Profile {
        self.caller.profile
    }

    /// How resources are shown.
    pub(super) fn view(&self) -> View<'_> {
        View { base: &self.base, source: &self.caller.source }
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.state.clock.now()
    }
}

/// SCIM's base as clients outside reach it, without a slash at its end. Never made of what a request says.
pub(in crate::http) fn base(state: &State) -> String {
    format!("{}{BASE}", state.public_url)
}

impl FromRequest for Context {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Reader::from_request(request, payload).into_inner();
        ready(caller.and_then(|Reader(caller)| Self::new(caller, request)))
    }
}

/// A request that writes: it needs role `writer`.
pub(super) struct Writing(pub(super) Context);

impl FromRequest for Writing {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Writer::from_request(request, payload).into_inner();
        ready(caller.and_then(|Writer(caller)| Context::new(caller, request).map(Self)))
    }
}

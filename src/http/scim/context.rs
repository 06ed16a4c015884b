//! The context of SCIM requests.

use super::response::Done;
use crate::db::{DbError, Operation};
use crate::domain::idempotency::Request;
use crate::domain::scim::Profile;
use crate::domain::scim::resource::View;
use crate::http::context::{self, Reader, Right, Writer};
use crate::http::problem::Problem;
use crate::ops::idempotency::Once;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};
use std::ops::Deref;
use uuid::Uuid;

/// The context of a SCIM request whose caller may read: the native context, and the caller's view of resources.
#[derive(Clone)]
pub(super) struct Context(context::Context<Reader>);

impl Context {
    /// Creates a resource and shows it; with an idempotency key, at most once.
    pub(super) async fn create<O: Operation>(
        &self,
        (id, request): (Uuid, Option<Request>),
        operation: O,
        shown: impl Fn(&O::Output) -> Done + Send + Sync + 'static,
    ) -> Result<Done, DbError> {
        let Some(request) = request else { return Ok(shown(&self.call(operation).await?)) };
        let answer = move |output: &O::Output| shown(output).kept(id);
        self.call(Once { request, operation, answer: Box::new(answer) }).await.map(Done::again)
    }

    /// The profile by which the caller's requests are read.
    pub(super) fn profile(&self) -> Profile {
        self.caller().profile
    }

    /// How the caller sees resources.
    pub(super) fn view(&self) -> View<'_> {
        View { base: &self.state().scim_url, source: &self.caller().source }
    }
}

impl Deref for Context {
    type Target = context::Context<Reader>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromRequest for Context {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(of::<Reader>(request))
    }
}

/// The context of a SCIM request whose caller may also write.
pub(super) struct Writing(pub(super) Context);

impl FromRequest for Writing {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(of::<Writer>(request).map(Self))
    }
}

fn of<R: Right>(request: &HttpRequest) -> Result<Context, Problem> {
    context::Context::<R>::of(request).map(|context| Context(context.for_reading()))
}

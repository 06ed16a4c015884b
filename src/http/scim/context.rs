//! The context of SCIM requests.

use super::response::Outcome;
use crate::db::Operation;
use crate::domain::idempotency::Request;
use crate::domain::scim::resource::View;
use crate::domain::scim::{Profile, Reading, ResourceType};
use crate::http::context::{self, Reader, Writer};
use crate::http::extractor::extractor;
use crate::http::inspector::RequestNotes;
use crate::http::problem::Problem;
use crate::ops::OpError;
use crate::ops::idempotency::Idempotent;
use crate::ops::resource::Resource;
use actix_web::HttpRequest;
use std::ops::Deref;
use uuid::Uuid;

/// The context of a SCIM request whose caller may read: the native context with the caller's view of resources.
#[derive(Clone)]
pub(super) struct Context {
    context: context::Context<Reader>,
    notes: RequestNotes,
}

extractor!(Context);

impl Context {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let context = context::Context::of(request)?;
        Ok(Self { context, notes: RequestNotes::of(request) })
    }

    /// The context of a bulk request.
    pub(super) fn in_bulk(self) -> Self {
        Self { context: self.context.in_bulk(), ..self }
    }

    /// Reads a part of the request, and keeps the notes on it.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Reading) -> T) -> T {
        self.notes.read(self.profile(), read)
    }

    /// Creates a resource and renders it. With an idempotency key, a repeated request returns the stored response.
    /// `users` are the other users whose values the response can contain.
    pub(super) async fn create<T: Resource, O: Operation<Error = OpError>>(
        &self,
        (id, key): (Uuid, Option<Request>),
        users: Vec<Uuid>,
        operation: O,
        render: impl Fn(&O::Output) -> Outcome + Send + Sync + 'static,
    ) -> Result<Outcome, OpError> {
        let Some(request) = key else { return Ok(render(&self.write::<T, _>(operation).await?)) };
        let respond = move |output: &O::Output| render(output).into_stored(id);
        self.write::<T, _>(Idempotent { request, users, operation, respond: Box::new(respond) })
            .await
            .map(Outcome::from_stored)
    }

    /// Notes that an operation of a bulk request was rejected.
    pub(super) fn note_rejected(&self, index: usize, problem: &Problem) {
        self.notes.reject_operation(index, problem);
    }

    pub(super) fn profile(&self) -> Profile {
        self.caller().profile
    }

    pub(super) fn view(&self) -> View<'_> {
        View { base: &self.state().scim_url, source: &self.caller().source }
    }

    pub(super) fn location(&self, kind: ResourceType, id: Uuid) -> String {
        self.view().location(kind, &id.to_string())
    }
}

impl Deref for Context {
    type Target = context::Context<Reader>;

    fn deref(&self) -> &Self::Target {
        &self.context
    }
}

/// The context of a SCIM request whose caller may also write.
pub(super) struct WriteContext(pub(super) Context);

extractor!(WriteContext);

impl WriteContext {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        context::Context::<Writer>::of(request)?;
        Context::of(request).map(Self)
    }
}

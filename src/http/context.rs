//! Authenticated requests. Rights are types: a handler that writes takes a `Context<Writer>`, so it cannot run for a
//! caller whose role does not permit writing.

use super::auth::{Caller, RequiredRole};
use super::brake;
use super::extractor::extractor;
use super::headers::IdempotencyKey;
use super::problem::Problem;
use super::state::State;
use crate::db::{Class, DbError, Operation, Permit};
use crate::domain::id;
use crate::domain::idempotency::{self, BodyHash};
use crate::domain::key::Role;
use crate::domain::origin::Actor;
use crate::domain::point::Point;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::history::Moment;
use crate::ops::listing::{self, FindOwner, ListPage, Query};
use crate::ops::members::{FEW_GROUPS, GroupsOf, MAX_GROUPS, WithGroups};
use crate::ops::resource::{Find, Form, Resource};
use crate::ops::users::{Remaining, search_requests};
use actix_web::{HttpMessage, HttpRequest, web};
use std::marker::PhantomData;
use std::time::Instant;
use uuid::Uuid;

/// A right of all callers whose role is not lower than [`Right::ROLE`].
pub(super) trait Right: 'static {
    /// The lowest role that has the right.
    const ROLE: Role;
}

/// The right to read users, groups and changes.
#[derive(Clone, Copy)]
pub(super) struct Reader;
/// The right to write users and groups.
#[derive(Clone, Copy)]
pub(super) struct Writer;
/// The right to manage a tenant.
#[derive(Clone, Copy)]
pub(super) struct Admin;
/// The right to manage tenants.
#[derive(Clone, Copy)]
pub(super) struct Operator;

impl Right for Reader {
    const ROLE: Role = Role::Reader;
}

impl Right for Writer {
    const ROLE: Role = Role::Writer;
}

impl Right for Admin {
    const ROLE: Role = Role::Admin;
}

impl Right for Operator {
    const ROLE: Role = Role::Operator;
}

/// A request whose caller has the right `R`, with everything that handlers need to carry it out.
#[derive(Clone)]
pub(super) struct Context<R> {
    caller: Caller,
    state: web::Data<State>,
    right: PhantomData<R>,
}

extractor!(Context<R: Right>);

impl<R: Right> Context<R> {
    /// The context of a request.
    ///
    /// # Errors
    /// 403 when the caller does not have the right.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let caller = request.extensions().get::<Caller>().cloned().ok_or_else(Problem::no_valid_key)?;
        if caller.role < R::ROLE {
            return Err(Problem::insufficient_role(R::ROLE));
        }
        RequiredRole::raise(request, R::ROLE);
        let state = request.app_data::<web::Data<State>>().ok_or_else(Problem::defect)?;
        Ok(Self { caller, state: state.clone(), right: PhantomData })
    }

    /// The context with a new deadline, for a request that has waited.
    pub(super) fn renewed(mut self) -> Self {
        self.caller.origin.deadline = Some(Instant::now() + self.state.deadline);
        self
    }

    /// The context with the current role of the key, for handlers that depend on the role itself. It may have changed
    /// while the body arrived.
    pub(super) async fn with_current_role(mut self) -> Result<Self, Problem> {
        self.caller.role = self.caller.check_role(&self.state, R::ROLE).await?;
        Ok(self)
    }

    /// The context without the deadline of the request, for a response that is sent for longer. Each operation has
    /// its own deadline.
    pub(super) fn without_deadline(mut self) -> Self {
        self.caller = self.caller.without_deadline();
        self
    }

    /// Checks the key again. During a long request, it may expire, be revoked, or be given a lower role.
    ///
    /// # Errors
    /// 401 when the key is no longer valid, and 403 when its role is lower than `role`.
    pub(super) async fn check_key(&self, role: Role) -> Result<(), Problem> {
        self.caller.check_role(&self.state, role).await.map(drop)
    }

    /// Runs an operation on behalf of the caller.
    pub(super) async fn call<O: Operation>(&self, operation: O) -> Result<O::Output, O::Error> {
        self.state.database.call(&self.caller.origin, operation).await
    }

    /// Removes the values of a user whose erasure has begun from recorded requests.
    pub(super) async fn search_requests(&self, user: Uuid) -> Result<Remaining, Problem> {
        let check = async || self.check_key(Role::Admin).await;
        let State { database, clock, .. } = &**self.state;
        search_requests(database, &self.caller.origin, clock, (self.tenant(), user), check).await
    }

    /// Runs a write of a resource. If a unique value belongs to another resource, the error contains that resource's
    /// id; every caller that may write may also read it. If the brake of a connection refuses the write, the connection is held.
    pub(super) async fn write<T: Resource, O: Operation<Error = OpError>>(
        &self,
        operation: O,
    ) -> Result<O::Output, OpError> {
        match self.call(operation).await {
            Err(OpError::Conflict { attribute, value, existing: None }) => {
                let existing = self.owner::<T>(attribute, &value).await;
                Err(OpError::Conflict { attribute, value, existing })
            }
            Err(error) => Err(brake::refusal(self, error).await),
            result => result,
        }
    }

    /// The id of the resource that has a unique value, or `None` if no resource has the value any more or the lookup
    /// fails.
    async fn owner<T: Resource>(&self, attribute: &'static str, value: &str) -> Option<Uuid> {
        let (tenant, value, source) = (self.tenant(), value.to_owned(), self.caller.source.clone());
        let find = FindOwner::<T> { tenant, attribute, value, source, of: PhantomData };
        self.call(find).await.ok().flatten()
    }

    /// Lists resources. The permit must be held until the response has been built. A scan can take seconds, so the key is
    /// checked again before the result is returned.
    pub(super) async fn list<T: Resource>(
        &self,
        query: Query<T>,
        permit: &mut Option<Permit>,
    ) -> Result<ListPage<T>, Problem> {
        let page = listing::list(&self.state.database, &self.caller.origin, query, permit).await?;
        self.check_key(R::ROLE).await?;
        Ok(page)
    }

    /// Lists all resources in another form, and converts the page in the thread that reads it. See [`Self::list`].
    pub(super) async fn list_plain<F: Form, T: Send + 'static>(
        &self,
        query: Query<F::Resource>,
        permit: &mut Option<Permit>,
        convert: fn(ListPage<F>) -> T,
    ) -> Result<T, Problem> {
        let page =
            listing::list_plain(&self.state.database, &self.caller.origin, query, permit, convert).await?;
        self.check_key(R::ROLE).await?;
        Ok(page)
    }

    /// Reads the groups of a user if there are too many to read them together with the user. The permit must be held until
    /// the response has been built.
    ///
    /// # Errors
    /// [`OpError::TooManyGroups`] if a response cannot contain them.
    pub(super) async fn complete_groups<F: Form>(&self, form: &mut F) -> Result<Option<Permit>, OpError> {
        let Some((user, of_user @ None)) = form.user_groups() else { return Ok(None) };
        let permit = self.permit_to_read().await?;
        let (tenant, users, max_groups) = (self.tenant(), vec![user], MAX_GROUPS);
        let groups = self.call(GroupsOf { tenant, users, max_groups }).await?.pop();
        *of_user = Some(groups.ok_or(OpError::TooManyGroups)?);
        Ok(Some(permit))
    }

    /// Reads a resource, and its groups if it is a user and they are requested. The permit must be held until the response
    /// has been built.
    pub(super) async fn find<F: Form>(&self, id: Uuid, groups: bool) -> Result<(F, Option<Permit>), OpError> {
        let (tenant, max_groups) = (self.tenant(), FEW_GROUPS);
        let operation = Find { tenant, id, of: PhantomData::<F> };
        if !groups {
            return Ok((self.call(operation).await?, None));
        }
        let mut form = self.call(WithGroups { tenant, operation, max_groups }).await?;
        let permit = self.complete_groups(&mut form).await?;
        Ok((form, permit))
    }

    /// The context of a request that writes many resources.
    pub(super) fn in_bulk(mut self) -> Self {
        self.caller.origin.bulk = true;
        self
    }

    /// Waits for a permit to read a large result with an operation of class [`Class::Page`]. It must be held until the
    /// response has been built.
    pub(super) async fn permit_to_read(&self) -> Result<Permit, DbError> {
        self.permit(Class::Page).await
    }

    /// Like [`Self::permit_to_read`], for an operation of class [`Class::Poll`].
    pub(super) async fn permit_to_poll(&self) -> Result<Permit, DbError> {
        self.permit(Class::Poll).await
    }

    /// Like [`Self::permit_to_read`], for a write whose response is large.
    ///
    /// # Errors
    /// 503 if the caller has too many unread responses.
    pub(super) async fn permit_to_write(&self) -> Result<Permit, Problem> {
        let permit = self.permit(Class::Write).await?;
        // Other responses to the caller may have been sent in the meantime.
        self.state.in_flight.check(Some(&self.caller))?;
        Ok(permit)
    }

    async fn permit(&self, class: Class) -> Result<Permit, DbError> {
        self.state.database.permit(&self.caller.origin, class, None).await
    }

    /// The identity of a POST request to `path`, if the request has an idempotency key.
    pub(super) fn idempotent(
        &self,
        path: &'static str,
        IdempotencyKey(key): IdempotencyKey,
        body: impl FnOnce() -> BodyHash,
    ) -> Option<idempotency::Request> {
        let Actor { kind, id } = &self.caller.origin.actor;
        let (tenant, now) = (self.tenant(), self.now());
        let request = |key| idempotency::Request {
            tenant,
            caller: format!("{kind}:{id}"),
            method: "POST",
            path,
            key,
            body: body(),
            now,
        };
        key.map(request)
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn tenant(&self) -> Uuid {
        self.caller.origin.tenant
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    /// A point in the history of the tenant.
    pub(super) fn moment(&self, at: Point) -> Moment {
        Moment { tenant: self.tenant(), at, now: self.now() }
    }
}

/// The id for a resource created at `now`.
pub(super) fn new_id(now: Timestamp) -> Uuid {
    id::created_at(now, Uuid::new_v4())
}

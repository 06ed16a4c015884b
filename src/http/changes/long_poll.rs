//! `GET /changes` with a JSON response, which can wait for changes.

use super::query::Query;
use crate::db::Turn;
use crate::db::commits::Head;
use crate::domain::digest::Digest;
use crate::http::context::{Context, Reader};
use crate::http::deadline::Deadline;
use crate::http::followers::{Follower, Kind};
use crate::http::pages::PageItems;
use crate::http::problem::Problem;
use crate::http::rate_limit::Remaining;
use crate::http::request_id::RequestId;
use crate::http::response::Response;
use crate::http::server::parking::Parking;
use crate::ops::changes::{Feed, Span};
use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout_at;
use uuid::Uuid;

#[derive(Serialize)]
struct FeedRest {
    next: i64,
    head: i64,
    epoch: Uuid,
    digest: Option<Digest>,
}

/// The state of a request that was parked and runs again.
pub(in crate::http) struct Resumed {
    /// When the request arrived.
    pub(in crate::http) arrived: Instant,
    pub(in crate::http) request_id: Arc<str>,
    /// What remained of the caller's quota when the request was counted.
    pub(in crate::http) remaining: Option<Remaining>,
    poll: LongPoll,
    turn: Option<Turn>,
}

/// A request that may wait.
struct LongPoll {
    follower: Follower,
    /// When the request must be answered.
    until: Instant,
    /// The revision up to which no change matched.
    after: i64,
    has_waited: bool,
}

pub(super) async fn respond(
    request: &HttpRequest,
    mut context: Context<Reader>,
    mut query: Query,
) -> Response {
    let resumed = request.extensions_mut().remove::<Resumed>();
    let (mut poll, mut turn) = match resumed {
        Some(Resumed { poll, turn, .. }) => (Some(poll), turn),
        None => (LongPoll::of(request, &context, &query), None),
    };
    loop {
        query.after = poll.as_ref().map_or(query.after, |poll| poll.after);
        let permit = context.permit_to_poll().await?;
        let feed = query.read(&context).await?;
        let may_wait = feed.changes.is_empty() && !context.state().is_stopping();
        let Some(mut waiting) = poll.take_if(|poll| may_wait && Instant::now() < poll.until) else {
            if let Some(poll) = poll.filter(|poll| poll.has_waited) {
                poll.follower.sends(&feed.changes, context.now());
            }
            return body(&feed);
        };
        drop((permit, turn.take()));
        waiting.after = feed.next;
        if feed.next == feed.span.head {
            (waiting, turn) = waiting.wait(request, &context, &feed.span).await?;
        }
        context = context.renewed().with_current_role().await?;
        poll = Some(waiting);
    }
}

fn body(feed: &Feed) -> Response {
    let mut items = PageItems::default();
    let count = items.extend(&feed.changes)?;
    let last = feed.changes.get(..count).and_then(<[_]>::last).filter(|_| count < feed.changes.len());
    let (next, digest) =
        last.map_or((feed.next, feed.digest), |change_record| (change_record.revision, change_record.digest));
    let rest = FeedRest { next, head: feed.span.head, epoch: feed.span.epoch, digest };
    let body = items.into_object("items", &rest)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

impl LongPoll {
    /// `None` if the request does not wait.
    fn of(request: &HttpRequest, context: &Context<Reader>, query: &Query) -> Option<Self> {
        let waits = !query.wait.is_zero() && request.method() != Method::HEAD;
        let follow = || context.state().followers.follow(context.tenant(), Kind::Poll);
        let until = Instant::now() + query.wait;
        waits.then(|| Self { follower: follow(), until, after: query.after, has_waited: false })
    }

    /// Waits until there may be new changes after `span`, or the wait ends. If the request can be
    /// parked, this method does not return: the request runs again.
    ///
    /// # Errors
    /// 429 if there are too many followers.
    async fn wait(
        mut self,
        request: &HttpRequest,
        context: &Context<Reader>,
        span: &Span,
    ) -> Result<(Self, Option<Turn>), Problem> {
        self.follower.count(context.caller())?;
        self.has_waited = true;
        let read = Head { revision: span.head, epoch: span.epoch };
        let Some(parking) = Parking::of(request) else {
            let turn = self.changed(read).await;
            return Ok((self, turn));
        };
        let arrived = Deadline::arrival_of(request).unwrap_or_else(Instant::now);
        let (request_id, remaining) = (RequestId::of(request), Remaining::of(request));
        let resumed = async move {
            let turn = self.changed(read).await;
            Resumed { arrived, request_id, remaining, poll: self, turn }
        };
        match parking.park(resumed).await {}
    }

    async fn changed(&mut self, read: Head) -> Option<Turn> {
        // The end of the wait is not an error.
        drop(timeout_at(self.until.into(), self.follower.changed(read)).await);
        self.follower.turn().await
    }
}

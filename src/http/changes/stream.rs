//! `GET /changes` as a stream of server-sent events.

use super::query::Query;
use crate::db::commits::Head;
use crate::domain::change::ChangeRecord;
use crate::domain::parse_id;
use crate::http::context::{Context, Reader};
use crate::http::followers::{Follower, Kind};
use crate::http::headers::EVENT_STREAM;
use crate::http::in_flight::{PART, Reservation};
use crate::http::problem::Problem;
use crate::http::response::{Response, not_serializable, write_json};
use crate::http::server::parking::ParkableBody;
use crate::ops::changes::Feed;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use std::time::Instant;
use tokio::time::timeout_at;
use uuid::Uuid;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to pass on each event immediately.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The events of a stream.
struct Events {
    context: Context<Reader>,
    query: Query,
    follower: Follower,
    epoch: Uuid,
    /// The newest revision when the stream was last read.
    head: i64,
    /// The revision in the last `id` that the client has received.
    sent: i64,
    /// The events that have not been sent yet.
    unsent: Bytes,
    reservation: Option<Reservation>,
    /// When the next comment is due.
    comment_at: Instant,
}

pub(super) async fn respond(request: &HttpRequest, context: Context<Reader>, mut query: Query) -> Response {
    let last = request.headers().get(LAST_EVENT_ID).map(position).transpose()?;
    query.after = last.map_or(query.after, |(_, revision)| revision);
    let mut follower = context.state().followers.follow(context.tenant(), Kind::Stream);
    follower.count(context.caller())?;
    let _permit = context.permit_to_poll().await?;
    let feed = query.read(&context).await?;
    if last.is_some_and(|(epoch, _)| epoch != feed.span.epoch) {
        return Err(Problem::feed_gone(&feed.span));
    }
    let comment_at = Instant::now() + context.state().stream_keep_alive;
    let (epoch, head, unsent, reservation) = (feed.span.epoch, feed.span.head, Bytes::new(), None);
    let sent = query.after;
    let mut events = Events { context, query, follower, epoch, head, sent, unsent, reservation, comment_at };
    events.add(&feed)?;
    let mut response = HttpResponse::Ok();
    response.content_type(EVENT_STREAM).insert_header((CACHE_CONTROL, "no-cache"));
    response.insert_header((X_ACCEL_BUFFERING, "no"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let next = |mut events: Events| async move { Some((events.next().await?, events)) };
    Ok(response.body(ParkableBody::new(request, unfold(events, next).boxed_local())))
}

/// The epoch and the revision in `Last-Event-ID`.
fn position(header: &HeaderValue) -> Result<(Uuid, i64), Problem> {
    let parts = header.to_str().ok().and_then(|text| text.split_once(':'));
    let position = parts.and_then(|(epoch, revision)| {
        let is_number = revision.bytes().all(|byte| byte.is_ascii_digit());
        Some((parse_id(epoch)?, revision.parse().ok().filter(|_| is_number)?))
    });
    position.ok_or_else(|| {
        Problem::invalid_header("`Last-Event-ID` must be the `id` of an event: `<epoch>:<revision>`.")
    })
}

impl Events {
    /// The next bytes to send. `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if !self.unsent.is_empty() {
                self.comment_at = Instant::now() + self.context.state().stream_keep_alive;
                return Some(self.unsent.split_to(self.unsent.len().min(PART)));
            }
            self.reservation = None;
            if self.context.state().is_stopping() {
                return None;
            }
            if self.query.after >= self.head {
                let read = Head { revision: self.head, epoch: self.epoch };
                // The end of the wait is not an error.
                drop(timeout_at(self.comment_at.into(), self.follower.changed(read)).await);
            }
            if Instant::now() >= self.comment_at {
                self.unsent = self.comment();
                continue;
            }
            // The future is large, and most of the time it is not needed. After an error, the client connects again and
            // receives the problem.
            Box::pin(self.read()).await.ok()?;
        }
    }

    /// A comment. If the filter has excluded changes since the last event, it comes with an `id`, from which the client can
    /// continue; without `data`, it is no event.
    fn comment(&mut self) -> Bytes {
        if self.query.after == self.sent {
            return Bytes::from_static(b":\n\n");
        }
        self.sent = self.query.after;
        format!(":\nid: {}:{}\n\n", self.epoch, self.sent).into()
    }

    /// Reads the next page.
    async fn read(&mut self) -> Result<(), Problem> {
        let _turn = self.follower.turn().await;
        self.context = self.context.clone().renewed();
        // A lower role may not see all changes, so the stream ends.
        self.context.check_key(self.context.caller().role).await?;
        let _permit = self.context.permit_to_poll().await?;
        let has_waited = self.query.after >= self.head;
        let feed = self.query.read(&self.context).await?;
        if feed.span.epoch != self.epoch {
            return Err(Problem::feed_gone(&feed.span));
        }
        if has_waited {
            self.follower.sends(&feed.changes, self.context.now());
        }
        self.add(&feed)
    }

    fn add(&mut self, feed: &Feed) -> Result<(), Problem> {
        let mut text = Vec::new();
        for change_record in &feed.changes {
            write_event(&mut text, self.epoch, change_record)?;
        }
        self.sent = feed.changes.last().map_or(self.sent, |change_record| change_record.revision);
        let in_flight = &self.context.state().in_flight;
        self.reservation = in_flight.reserve_part(self.context.caller(), text.len())?;
        (self.query.after, self.head, self.unsent) = (feed.next, feed.span.head, text.into());
        Ok(())
    }
}

/// Appends an event. JSON contains no line breaks.
fn write_event(text: &mut Vec<u8>, epoch: Uuid, change_record: &ChangeRecord) -> Result<(), Problem> {
    let ChangeRecord { revision, kind, .. } = change_record;
    text.extend_from_slice(format!("id: {epoch}:{revision}\nevent: {kind}\ndata: ").as_bytes());
    write_json(text, change_record).map_err(|error| not_serializable(&error))?;
    text.extend_from_slice(b"\n\n");
    Ok(())
}

//! Summarizes the recorded requests of a connection.

use super::rows::of_connection;
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::id;
use crate::domain::inspector::explanation::explain;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::requests;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Counts the rejections of the last hour and day by their codes.
#[derive(Debug)]
pub struct Summarize {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The id of the connection.
    pub connection: Uuid,
    /// The current time.
    pub now: Timestamp,
}

/// The time of the last request of a connection, and the numbers of its recent requests that were rejected, or in which an
/// operation was rejected, by the code of the note.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Summary {
    pub last_at: Option<Timestamp>,
    pub errors_last_hour: BTreeMap<String, u64>,
    pub errors_last_day: BTreeMap<String, u64>,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum number of requests that are counted. More are recorded only until the next deletion of old ones.
const MAX_COUNTED: i64 = 20_000;

impl Operation for Summarize {
    type Output = Summary;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Summary, OpError> {
        let last = of_connection!(self.tenant, self.connection).order(requests::id.desc()).limit(1);
        let last: Option<i64> = tx.optional(last.select(requests::time))?;
        let (least, _) = id::range_of(self.now.minus(DAY));
        let recent = of_connection!(self.tenant, self.connection)
            .filter(requests::id.ge(Uid(least)))
            .filter(requests::codes.ne(""))
            .order(requests::id.desc())
            .select((requests::time, requests::codes))
            .limit(MAX_COUNTED);
        let recent: Vec<(i64, String)> = tx.load(recent)?;
        let mut summary = Summary { last_at: last.map(Timestamp::from), ..Summary::default() };
        let hour = i64::from(self.now.minus(HOUR));
        for (time, codes) in &recent {
            let is_rejection = |code: &&str| explain(code).is_none_or(|explanation| explanation.is_rejection);
            for code in codes.split_whitespace().filter(is_rejection) {
                *summary.errors_last_day.entry(code.to_owned()).or_default() += 1;
                if *time >= hour {
                    *summary.errors_last_hour.entry(code.to_owned()).or_default() += 1;
                }
            }
        }
        Ok(summary)
    }
}

//! Reads in the transaction of a write.

use crate::db::{Class, Operation, Results, Tx};

/// Runs a write and then a read in one transaction. If the response to a write depended on a second call, that call could
/// fail after the write is committed, and a client that retries would repeat the write.
pub struct WriteThenRead<W, R> {
    /// The write.
    pub write: W,
    /// The read, if any. It must not use [`Tx::in_snapshot`]. If it fails, the write is rolled back.
    pub read: Option<R>,
}

impl<W, R> Operation for WriteThenRead<W, R>
where
    W: Operation,
    R: Operation,
    W::Error: From<R::Error>,
{
    type Output = (W::Output, Option<R::Output>);
    type Error = W::Error;
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = W::MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, W::Error> {
        let written = self.write.run(tx)?;
        Ok((written, self.run_read(tx)?))
    }

    fn run_batch(calls: &[&Self], tx: &mut Tx<'_>) -> Results<Self::Output, W::Error> {
        let writes: Vec<&W> = calls.iter().map(|call| &call.write).collect();
        let mut results = Vec::with_capacity(calls.len());
        for (call, written) in calls.iter().zip(W::run_batch(&writes, tx)?) {
            results.push(match written {
                Ok(written) => Ok((written, call.run_read(tx)?)),
                Err(error) => Err(error),
            });
        }
        Ok(results)
    }
}

impl<W, R: Operation> WriteThenRead<W, R> {
    fn run_read(&self, tx: &mut Tx<'_>) -> Result<Option<R::Output>, R::Error> {
        self.read.as_ref().map(|read| read.run(tx)).transpose()
    }
}

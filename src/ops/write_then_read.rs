//! Writes that are followed by a reading.

use crate::db::{Class, Operation, Results, Tx};

/// Carries out a write, and behind it a reading, in one transaction. What is answered to a write must not hang on a second
/// call: that could fail when the write is there for good, and whoever repeats it then does it twice.
pub struct WriteThenRead<W, R> {
    /// The write.
    pub write: W,
    /// What is read then, if anything: nothing that reads in a snapshot of its own. When it fails, the write is undone.
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
        Ok((written, self.look(tx)?))
    }

    fn run_batch(calls: &[&Self], tx: &mut Tx<'_>) -> Results<Self::Output, W::Error> {
        let writes: Vec<&W> = calls.iter().map(|call| &call.write).collect();
        let mut results = Vec::with_capacity(calls.len());
        for (call, written) in calls.iter().zip(W::run_batch(&writes, tx)?) {
            results.push(match written {
                Ok(written) => Ok((written, call.look(tx)?)),
                Err(error) => Err(error),
            });
        }
        Ok(results)
    }
}

impl<W, R: Operation> WriteThenRead<W, R> {
    fn look(&self, tx: &mut Tx<'_>) -> Result<Option<R::Output>, R::Error> {
        self.read.as_ref().map(|read| read.run(tx)).transpose()
    }
}

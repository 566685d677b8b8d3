//! Three parties in one process over an in-memory network: for tests, and for trying out a protocol
//! before the harness runs it as three processes.

use crate::net::Network;
use crate::net::local::local_trio;
use crate::session::{Agreement, Session};
use crate::{Error, Result};
use std::time::Duration;

/// How long a party waits for another before the trio gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `body` at each party, a thread each, over an in-memory network.
pub fn run<T: Send>(
    threads: usize,
    body: impl Fn(&mut Session) -> Result<T> + Sync,
) -> Result<[T; 3]> {
    run_over(
        local_trio(PATIENCE).map(|network| Box::new(network) as Box<dyn Network>),
        threads,
        body,
    )
}

/// Runs `body` at each party over given networks, party 0 first. The first error wins.
pub fn run_over<T: Send>(
    networks: [Box<dyn Network>; 3],
    threads: usize,
    body: impl Fn(&mut Session) -> Result<T> + Sync,
) -> Result<[T; 3]> {
    let body = &body;
    let results: Vec<Result<T>> = std::thread::scope(|scope| {
        let parties: Vec<_> = networks
            .into_iter()
            .map(|network| {
                scope.spawn(move || {
                    let mut session = Session::establish(network, &Agreement::default(), threads)?;
                    body(&mut session)
                })
            })
            .collect();
        parties
            .into_iter()
            .map(|party| {
                party
                    .join()
                    .unwrap_or_else(|_| Err(Error::Internal("a party panicked".into())))
            })
            .collect()
    });
    // A peer that is gone is the consequence of another party's error: that one is shown.
    let (fine, mut wrong): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    wrong.sort_by_key(|result| matches!(result, Err(Error::Net(_))));
    if let Some(Err(error)) = wrong.into_iter().next() {
        return Err(error);
    }
    let values: Vec<T> = fine.into_iter().flatten().collect();
    values
        .try_into()
        .map_err(|_| Error::Internal("a trio has three parties".into()))
}

//! One party's own thread pool. Parties that share a process (tests) do not share threads, and a
//! party with one thread does its work where it stands.

use crate::{Error, Result};
use rayon::prelude::*;

/// Elements of a vector that are worth handing to another thread: drawing or adding fewer takes less time than waking it.
/// A multiple of what a generator makes at a time.
pub const GRAIN: usize = 4096;

/// A pool of a fixed number of threads.
pub struct Threads {
    pool: Option<rayon::ThreadPool>,
    count: usize,
}

impl Threads {
    /// A pool of `count` threads; 1 runs in the calling thread.
    pub fn new(count: usize) -> Result<Self> {
        let pool = match count {
            0 => return Err(Error::Unsupported("threads must be at least 1".into())),
            1 => None,
            _ => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(count)
                    .build()
                    .map_err(|e| Error::io("starting threads", std::io::Error::other(e)))?,
            ),
        };
        Ok(Self { pool, count })
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Splits `out` into chunks of a multiple of `grain` elements, about one or more a thread, and
    /// calls `body(first index, chunk)` on each.
    pub fn chunks_mut<T: Send>(
        &self,
        out: &mut [T],
        grain: usize,
        body: impl Fn(usize, &mut [T]) + Sync,
    ) {
        self.chunks_mut_by(out, grain, &body);
    }

    /// [`Threads::chunks_mut`], compiled once for each type of element and not for each body: a body is called for a whole
    /// chunk at a time.
    fn chunks_mut_by<T: Send>(
        &self,
        out: &mut [T],
        grain: usize,
        body: &(dyn Fn(usize, &mut [T]) + Sync),
    ) {
        let grain = grain.max(1);
        let Some(pool) = &self.pool else {
            if !out.is_empty() {
                body(0, out);
            }
            return;
        };
        // Four chunks a thread even out what other processes take from a core.
        let chunk = out.len().div_ceil(grain).div_ceil(4 * self.count).max(1) * grain;
        if out.len() <= chunk {
            if !out.is_empty() {
                body(0, out);
            }
            return;
        }
        pool.install(|| {
            out.par_chunks_mut(chunk)
                .enumerate()
                .for_each(|(i, part)| body(i * chunk, part));
        });
    }

    /// Computes `body(0), .., body(count - 1)`.
    pub fn map<T: Send>(&self, count: usize, body: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
        self.map_by(count, &body)
    }

    fn map_by<T: Send>(&self, count: usize, body: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
        match &self.pool {
            Some(pool) if count > 1 => {
                pool.install(|| (0..count).into_par_iter().map(body).collect())
            }
            _ => (0..count).map(body).collect(),
        }
    }
}

//! Declared costs of many cells: each workload of a system is walked once, however many links and threads it is swept over,
//! on all cores, and with a sign of life where that takes long.

use super::cell::Cell;
use super::runner::Runner;
use crate::host;
use crate::output::Progress;
use anyhow::{Context, Result};
use qbench_protocols::system::{Declared, System};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a workload comes to, without its steps: those of a large plan would fill the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes by phase, sender and receiver.
    pub bytes: [[[u64; 3]; 3]; 3],
    /// Longest chain of dependent messages by phase.
    pub rounds: [u64; 3],
    /// Predicted peak memory of each party's process, bytes.
    pub memory_bytes: [u64; 3],
}

impl Cost {
    fn of(declared: &Declared) -> Self {
        let phases = [&declared.setup, &declared.offline, &declared.online];
        Self {
            bytes: phases.map(|phase| phase.bytes()),
            rounds: phases.map(|phase| phase.rounds()),
            memory_bytes: declared.memory_bytes,
        }
    }
}

/// A system and its workload, as text.
type Key = (&'static str, String);

/// The costs of a plan's cells.
pub struct Costs(HashMap<Key, Cost>);

impl Costs {
    /// Walks every workload of the cells that systems of ours run.
    ///
    /// # Errors
    /// A system that is not there, or that refuses a workload.
    pub fn declare(systems: &[&'static dyn System], cells: &[Cell]) -> Result<Self> {
        let mut works: HashMap<Key, (&'static dyn System, &Cell)> = HashMap::new();
        for cell in cells {
            if let Runner::Own(system) = Runner::of(systems, cell)? {
                works.entry(key(cell, system)?).or_insert((system, cell));
            }
        }
        let works: Vec<_> = works.into_iter().collect();
        let done = Mutex::new((
            HashMap::with_capacity(works.len()),
            Progress::new("workloads", works.len()),
        ));
        let next = AtomicUsize::new(0);
        let walk = || -> Result<()> {
            while let Some((key, (system, cell))) = works.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let cost = Cost::of(&system.cost(&cell.workload())?);
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.0.insert(key.clone(), cost);
                done.1.step();
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let walks: Vec<_> = (1..host::cores()).map(|_| scope.spawn(walk)).collect();
            let mine = walk();
            for other in walks {
                other.join().ok().context("a walk ended early")??;
            }
            mine
        })?;
        let (costs, _) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Self(costs))
    }

    /// The cost of one of the cells; `None` of a program of others, which declares nothing.
    ///
    /// # Errors
    /// A system that is not there.
    pub fn of(&self, systems: &[&'static dyn System], cell: &Cell) -> Result<Option<&Cost>> {
        match Runner::of(systems, cell)? {
            Runner::Own(system) => Ok(self.0.get(&key(cell, system)?)),
            Runner::External(_) => Ok(None),
        }
    }
}

fn key(cell: &Cell, system: &dyn System) -> Result<Key> {
    Ok((system.id(), serde_json::to_string(&cell.workload())?))
}

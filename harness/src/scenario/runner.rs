//! What runs a cell: a system of this binary, or a program that it drives.

use super::External;
use super::cell::Cell;
use crate::systems::find;
use anyhow::Result;
use qbench_protocols::model::config::ActivationFunction;
use qbench_protocols::system::{Setting, System};

/// What runs a cell.
#[derive(Clone, Copy)]
pub enum Runner<'a> {
    /// A system that this binary brings.
    Own(&'static dyn System),
    /// A program that it drives.
    External(&'a External),
}

impl<'a> Runner<'a> {
    /// What runs a cell.
    ///
    /// # Errors
    /// An unknown id.
    pub fn of(systems: &[&'static dyn System], cell: &'a Cell) -> Result<Self> {
        Self::find(systems, cell.external.as_ref(), &cell.system)
    }

    /// The program, where there is one, or the system of that id.
    ///
    /// # Errors
    /// An unknown id.
    pub fn find(
        systems: &[&'static dyn System],
        external: Option<&'a External>,
        id: &str,
    ) -> Result<Self> {
        match external {
            Some(external) => Ok(Self::External(external)),
            None => find(systems, id).map(Self::Own),
        }
    }

    /// The choices of a scenario that the system has; a program of others has none.
    pub fn settings(&self) -> &'static [Setting] {
        match self {
            Self::Own(system) => system.settings(),
            Self::External(_) => &[],
        }
    }

    /// The activation function where the scenario names none: BERT's own for a program of others.
    pub fn default_activation(&self) -> ActivationFunction {
        match self {
            Self::Own(system) => system.default_activation(),
            Self::External(_) => ActivationFunction::Gelu,
        }
    }

    /// Refuses a cell that cannot run, with one clear sentence.
    ///
    /// # Errors
    /// That sentence.
    pub fn check(&self, cell: &Cell) -> Result<()> {
        match self {
            Self::Own(system) => Ok(system.check(&cell.workload())?),
            Self::External(external) => external.check_link(&cell.link),
        }
    }
}

//! What a scenario says of an external system, a program that the harness drives and does not contain.

use crate::link::{Link, LinkMode};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// An external system as a scenario declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// System id.
    pub id: String,
    /// Program and arguments; a relative path counts from the folder in which `qbench` is started.
    pub command: Vec<String>,
    /// A command that says whether the program can run here; without one it is taken to be able to.
    pub check: Vec<String>,
    /// The computing parties that the program uses, ascending.
    pub parties: Vec<usize>,
    /// One line for people.
    pub about: String,
}

impl External {
    /// Refuses a link that cannot hold a program of others.
    ///
    /// # Errors
    /// One sentence that says which links can.
    pub fn check_link(&self, link: &Link) -> Result<()> {
        if link.mode == LinkMode::Shaped {
            bail!(
                "a shaped link lives inside our own transport and cannot hold the external program `{}`: give \
                 link `{}` mode = \"relay\" or \"netem\" (\"auto\" takes what works), or take link \"none\"",
                self.id,
                link.name
            );
        }
        Ok(())
    }

    /// What of the declaration enters a cell's content hash.
    pub fn identity(&self) -> serde_json::Value {
        serde_json::json!({ "command": self.command, "parties": self.parties })
    }
}

//! Values that their ring was too narrow for, site by site: a reference in the clear counts them against integers that do not
//! wrap. Such a value comes out as another number, and everything after it is computed right from the wrong number: equality with
//! the reference does not show it, the distance to the float model does.

use std::collections::HashMap;
use std::fmt;

/// One place in the walk where values are brought into a ring.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Site {
    /// Step and value, such as `layer0/attention/add-and-norm/mean deviation`.
    pub name: String,
    /// Values that came there.
    pub values: u64,
    /// Those that wrapped: the ring stands for another number.
    pub wrapped: u64,
}

impl fmt::Display for Site {
    /// `NAME WRAPPED/VALUES`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.name, self.wrapped, self.values)
    }
}

/// All sites of one inference, in the order of the walk.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    sites: Vec<Site>,
    places: HashMap<String, usize>,
}

impl Sites {
    /// Adds values that came to a site, and how many of them wrapped there.
    pub fn add(&mut self, name: &str, values: usize, wrapped: usize) {
        let next = self.sites.len();
        let place = *self.places.entry(name.to_owned()).or_insert(next);
        if place == next {
            self.sites.push(Site {
                name: name.to_owned(),
                values: 0,
                wrapped: 0,
            });
        }
        let site = &mut self.sites[place];
        site.values += values as u64;
        site.wrapped += wrapped as u64;
    }

    /// The sites.
    pub fn into_inner(self) -> Vec<Site> {
        self.sites
    }
}

//! The model's parameters, replicated.

use super::{RING, Share, shares};
use crate::fixed_point::weights::{Elements, Factor};
use qbench_protocols::kernel::gemm64::Packed64;
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};

/// One party's share of what activations are multiplied by.
///
/// Component 0 is zero: P0 knows the model anyway, so that a third component would protect nothing. P1 and P2 multiply
/// once instead of twice. (SPU shares a model as any input, with three components.)
pub enum Weight {
    /// P0: all of a matrix, and its component 2; packed for the kernel.
    Owner {
        /// The matrix.
        clear: Packed64,
        /// Component 2.
        second: Packed64,
    },
    /// P1: component 2.
    Second {
        /// Packed.
        second: Packed64,
    },
    /// P2: component 1.
    First {
        /// Packed.
        first: Packed64,
    },
    /// A matrix of which nobody holds anything, in the cost walk.
    Absent {
        /// Rows.
        outputs: usize,
        /// Columns.
        inputs: usize,
    },
    /// Gamma.
    Gain(Share),
}

impl Weight {
    /// Outputs and inputs of a matrix.
    pub(super) fn shape(&self) -> [usize; 2] {
        let of = |packed: &Packed64| [packed.columns(), packed.inner()];
        match self {
            Self::Owner { clear, .. } => of(clear),
            Self::Second { second } => of(second),
            Self::First { first } => of(first),
            Self::Absent { outputs, inputs } => [*outputs, *inputs],
            Self::Gain(gain) => [gain.len, 1],
        }
    }

    /// Gamma.
    ///
    /// # Errors
    /// A matrix.
    pub fn gain(&self) -> Result<&Share> {
        match self {
            Self::Gain(gain) => Ok(gain),
            _ => Err(Error::Internal("a matrix where gamma is due".into())),
        }
    }

    /// P0 shares a tensor.
    ///
    /// Cost and security: as [`from_p0`].
    ///
    /// # Errors
    /// The network's.
    pub fn share(runtime: &mut Runtime<'_>, factor: Factor, values: Elements<'_>) -> Result<Self> {
        let share = from_p0(runtime, factor.elements(), values)?;
        let Factor::Matrix { outputs, inputs } = factor else {
            return Ok(Self::Gain(share));
        };
        let (Some(me), Some(threads)) = (runtime.me(), runtime.threads()) else {
            return Ok(Self::Absent { outputs, inputs });
        };
        let pack = |values: &[u64]| Packed64::from_rows_parallel(threads, values, outputs, inputs);
        Ok(match me {
            Party::P0 => {
                let second = pack(&share.previous);
                let mut clear = share.next;
                RING.add_to(&mut clear, &share.previous);
                Self::Owner {
                    clear: pack(&clear),
                    second,
                }
            }
            Party::P1 => Self::Second {
                second: pack(&share.next),
            },
            Party::P2 => Self::First {
                first: pack(&share.previous),
            },
        })
    }
}

/// P0's values, replicated with component 0 zero: component 2 is drawn from the P0-P1 seed, P2 is sent component 1.
///
/// Cost: 8 bytes an element from P0 to P2.
///
/// # Security
/// P1 holds generator output; P2 the values less a stream that it does not know.
///
/// # Errors
/// The network's.
pub fn from_p0(runtime: &mut Runtime<'_>, len: usize, values: Elements<'_>) -> Result<Share> {
    runtime.declare_message(Party::P0, Party::P2, RING.wire_bytes(len));
    let Some(me) = runtime.me() else {
        return Ok(shares::absent(len));
    };
    let session = runtime.session()?;
    let zero = || Wiped::zeros(len);
    let (previous, next) = match me {
        Party::P0 => {
            let second: Wiped<u64> = session.draw(Party::P1, RING, len);
            let mut first = zero();
            values(0, &mut first);
            let first = RING.subtract(&first, &second);
            session.send_elements(Party::P2, RING, &first)?;
            (second, first)
        }
        Party::P1 => (zero(), session.draw(Party::P0, RING, len)),
        Party::P2 => (session.receive_elements(Party::P0, RING, len)?, zero()),
    };
    Ok(Share {
        ring: RING,
        len,
        previous,
        next,
    })
}

/// P1's values, replicated with component 1 zero: component 2 is drawn from the P0-P1 seed, P2 is sent component 0. `values` at P1.
///
/// Cost: 8 bytes an element from P1 to P2 and one round, online.
///
/// # Security
/// P0 holds generator output; P2 the values less a stream that it does not know.
///
/// # Errors
/// P1 without `len` values; the network's.
pub fn from_p1(runtime: &mut Runtime<'_>, len: usize, values: Option<&[u64]>) -> Result<Share> {
    if runtime.phase() != qbench_protocols::phase::Phase::Online {
        return Ok(shares::absent(len));
    }
    runtime.declare_message(Party::P1, Party::P2, RING.wire_bytes(len));
    let Some(me) = runtime.me() else {
        return Ok(shares::absent(len));
    };
    let zero = || Wiped::zeros(len);
    let (previous, next) = match me {
        Party::P0 => (runtime.session()?.draw(Party::P1, RING, len), zero()),
        Party::P1 => {
            let values = values.unwrap_or_default();
            runtime.ensure(values.len() == len, || {
                format!("P1 needs {len} input values, has {}", values.len())
            })?;
            let session = runtime.session()?;
            let second: Wiped<u64> = session.draw(Party::P0, RING, len);
            let zeroth = RING.subtract(values, &second);
            session.send_elements(Party::P2, RING, &zeroth)?;
            (zeroth, second)
        }
        Party::P2 => {
            let zeroth = runtime.session()?.receive_elements(Party::P1, RING, len)?;
            (zero(), zeroth)
        }
    };
    Ok(Share {
        ring: RING,
        len,
        previous,
        next,
    })
}

/// Opens a vector to P1: P2 sends the component that P1 lacks. `Some` at P1 online.
///
/// Cost: 8 bytes an element and one round online.
///
/// # Security
/// x is P1's output; what it receives is x less its own components.
///
/// # Errors
/// The network's.
pub fn to_p1(runtime: &mut Runtime<'_>, x: &Share) -> Result<Option<Wiped<u64>>> {
    if runtime.phase() != qbench_protocols::phase::Phase::Online {
        return Ok(None);
    }
    runtime.declare_message(Party::P2, Party::P1, RING.wire_bytes(x.len));
    match runtime.me() {
        Some(Party::P1) => {
            let session = runtime.session()?;
            let mut opened: Wiped<u64> = session.receive_elements(Party::P2, RING, x.len)?;
            RING.add_to(&mut opened, &x.previous);
            RING.add_to(&mut opened, &x.next);
            Ok(Some(opened))
        }
        Some(Party::P2) => {
            runtime
                .session()?
                .send_elements(Party::P1, RING, &x.previous)?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

//! The gates: each takes wires, and gives a covered vector that one exchange makes a wire.
//!
//! A gate that needs a bit opens it in between, and gives a wire where nothing else could be opened with its result.

mod interval;
mod mux;
mod product;
mod select;
mod shift;
mod sign;
mod table;

pub use interval::sign_and_interval;
pub use mux::{Line, mux};
pub use product::{product, products, square_sums};
pub use select::select;
pub use shift::{faithful_shift, gap_shift, gap_shift_to};
pub use sign::{at_least, relu};
pub use table::{Exchanges, table, tables};

use qbench_protocols::kernel::widest;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Masked;
use qbench_protocols::threads::GRAIN;
use qbench_protocols::wipe::Wiped;

/// `x + r`: known to P1 and P2, and r to P0.
pub type Wire = Masked<u64>;
/// A bit, masked by exclusive or.
pub type Bit = Masked<u8>;

/// Z_2.
pub const BITS: Ring = Ring::new(1);

/// A function of each index, over all of the party's threads.
fn each(
    runtime: &Runtime<'_>,
    ring: Ring,
    len: usize,
    f: impl Fn(usize) -> u64 + Sync,
) -> Wiped<u64> {
    let mut out = Wiped::zeros(len);
    if let Some(threads) = runtime.threads() {
        threads.chunks_mut(&mut out, GRAIN, |first, part| {
            widest(
                #[inline(always)]
                || {
                    for (i, out) in part.iter_mut().enumerate() {
                        *out = ring.reduce(f(first + i));
                    }
                },
            );
        });
    }
    out
}

/// 1 at P1, who adds what is public, and 0 at P2.
fn leads(runtime: &Runtime<'_>) -> u64 {
    u64::from(runtime.me() == Some(qbench_protocols::net::Party::P1))
}

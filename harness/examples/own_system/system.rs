//! The smallest useful system: P0 has a byte vector w, P1 has x, and P1 learns the bits set in each byte of w + x mod 256, by
//! a lookup table. It reads no model; its length is the workload's sequence length.

use qbench_protocols::lut::{Contents, Input, lookup, open};
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Additive, reveal_to_p1, share_from_p0, share_from_p1};
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Known, PROCESS_BYTES, Verified, WalkedSystem, Workload};
use qbench_protocols::{Error, Result};

/// Counts the bits of a sum.
#[derive(Clone, Copy)]
pub struct OwnSystem;

const BYTE: Ring = Ring::new(8);

/// w, from a seed of P0's, or x, from the workload's: bytes that the check can draw again. The input's seed is P1's alone.
fn vector(workload: &Workload, seed: u64) -> Vec<u8> {
    (0..workload.seq_len as u64)
        .map(|i| ((seed + i) % 251) as u8)
        .collect()
}

/// P0's.
const WEIGHT_SEED: u64 = 100;

impl WalkedSystem for OwnSystem {
    type Plan = Workload;
    type Secret = ();
    type Weights = Additive<u8>;
    type Evidence = Vec<u8>;

    fn id(&self) -> &'static str {
        "own"
    }

    fn about(&self) -> &'static str {
        "counts the bits of the sum of two private byte vectors: a template for systems of your own"
    }

    fn source(&self) -> &'static str {
        "harness/examples/own_system"
    }

    fn plan(&self, workload: &Workload) -> Result<Workload> {
        Ok(workload.clone())
    }

    fn secret(&self, _: &Workload, _: Loaded) -> Result<()> {
        Ok(())
    }

    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        plan: &Workload,
        (): &mut (),
    ) -> Result<Additive<u8>> {
        let w = vector(plan, WEIGHT_SEED);
        share_from_p0(runtime, BYTE, w.len(), |first, part| {
            part.copy_from_slice(&w[first..][..part.len()]);
        })
    }

    /// Deals the table offline, opens and looks up online, and declares both: the same lines do all three.
    fn walk(
        &self,
        mut runtime: Runtime<'_>,
        plan: &Workload,
        known: Known<'_, Self>,
    ) -> Result<Vec<u8>> {
        let n = plan.seq_len;
        let x = share_from_p1(&mut runtime, BYTE, Some(&vector(plan, plan.input_seed)), n)?;
        let bits = runtime.step("count", |runtime| {
            let sum = open(runtime, &x.plus(known.weights))?;
            let ones = || Contents::same((0..=255u8).map(|v| v.count_ones() as u8).collect());
            lookup(runtime, &[Input::each(&sum)], n, BYTE, ones)
        })?;
        let learned = runtime.step("output", |runtime| reveal_to_p1(runtime, &bits))?;
        Ok(learned.unwrap_or_default().into_vec())
    }

    fn memory_bytes(&self, _: &Workload, material: [u64; 3], _: bool) -> [u64; 3] {
        material.map(|bytes| PROCESS_BYTES + bytes)
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        let sums = vector(workload, WEIGHT_SEED)
            .into_iter()
            .zip(vector(workload, workload.input_seed));
        let expected: Vec<u8> = sums
            .map(|(w, x)| w.wrapping_add(x).count_ones() as u8)
            .collect();
        if evidence[1] != expected {
            return Err(Error::Verification(
                "P1 did not learn the bits of w + x".into(),
            ));
        }
        Ok(Verified {
            how: "equal to the count in the clear".into(),
            float_error: 0.0,
            sites: Vec::new(),
            output: expected.into_iter().map(f32::from).collect(),
        })
    }
}

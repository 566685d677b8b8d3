//! The cut: from every ring in use to every width, `floor(f)` or `floor(f) + 1`, exact at integers and
//! unbiased; and the test would see the bias of the paper's cut.

use qbench_protocols::quantized::cut::cut;
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::share::Additive;
use qbench_protocols::testing::functionality::{reconstruct, run, share};

/// Sharings of each value.
const SAMPLES: usize = 2500;
/// Standard errors that a mean may be off: past it once in 10^9 means of an unbiased cut.
const SIGMAS: f64 = 6.2;
/// Rings of products (16 bits) and of means and variances.
const RINGS: [u32; 7] = [16, 20, 21, 22, 23, 24, 25];

/// Values `f * unit` to cut, each as often as it is shared, with f as (integer part, sixteenths).
struct Values<W> {
    parts: Vec<(u64, u64)>,
    all: Vec<W>,
}

fn values<W: Word>(ring: Ring, bits: u32) -> Values<W> {
    let unit = 1u64 << (ring.bits() - bits);
    let top = Ring::new(bits).mask();
    // The last integer part wraps to 0 where its fraction rounds up.
    let wholes = [0, 1, top / 2, top / 2 + 1, top].into_iter();
    let parts = wholes.flat_map(|whole| [0, 1, 4, 8, 15].map(|sixteenths| (whole, sixteenths)));
    let parts: Vec<(u64, u64)> = parts.collect();
    let each = parts.iter().flat_map(|(whole, sixteenths)| {
        let value = whole * unit + sixteenths * unit / 16;
        std::iter::repeat_n(W::from_u64(value), SAMPLES)
    });
    let all = each.collect();
    Values { parts, all }
}

/// The first fault in what came out of a cut: an output that it does not allow, or a mean too far from f.
fn fault<W>(bits: u32, values: &Values<W>, outputs: &[u8]) -> Option<String> {
    let ring = Ring::new(bits);
    for ((whole, sixteenths), outputs) in values.parts.iter().zip(outputs.chunks(SAMPLES)) {
        let up = |output: &u8| u64::from(*output).wrapping_sub(*whole) & ring.mask();
        let most = u64::from(*sixteenths > 0);
        if let Some(output) = outputs.iter().find(|output| up(output) > most) {
            return Some(format!("{whole} + {sixteenths}/16 gave {output}"));
        }
        let mean = outputs.iter().map(up).sum::<u64>() as f64 / SAMPLES as f64;
        let fraction = *sixteenths as f64 / 16.0;
        let error = (fraction * (1.0 - fraction) / SAMPLES as f64).sqrt();
        if (mean - fraction).abs() > SIGMAS * error {
            return Some(format!("{whole} + {sixteenths}/16 gave {mean} on average"));
        }
    }
    None
}

/// The top bits of a share: the paper's cut, which has no constant.
fn as_printed<W: Word>(share: &Additive<W>, bits: u32) -> Additive<u8> {
    let dropped = share.ring().bits() - bits;
    share.map_to(Ring::new(bits), share.len(), |share| {
        let tops = share.iter().map(|share| share.to_u64() >> dropped);
        tops.map(|top| top as u8).collect()
    })
}

fn check<W: Word>(ring: Ring) {
    for bits in 4..=8 {
        let values = values::<W>(ring, bits);
        let ran = run(1, |runtime| {
            let y = share(
                runtime,
                ring,
                &values.all,
                u64::from(ring.bits() * 64 + bits),
            );
            Ok((cut(runtime, None, &y, bits), as_printed(&y, bits)))
        });
        let outputs = ran.outputs.each_ref().map(|(cut, _)| cut.clone());
        let shape = (outputs[1].ring(), outputs[1].len());
        assert_eq!(shape, (Ring::new(bits), values.all.len()));
        let found = fault(bits, &values, &reconstruct(&outputs));
        assert_eq!(found, None, "{ring:?} to {bits} bits");
        assert_eq!((ran.total_bytes(), ran.rounds()), ([0, 0], [0, 0]));
        let printed = ran.outputs.map(|(_, printed)| printed);
        assert!(fault(bits, &values, &reconstruct(&printed)).is_some());
    }
}

#[test]
fn every_ring_to_every_width_is_exact_at_integers_and_unbiased_between() {
    for ring in RINGS.map(Ring::new) {
        if ring.bits() == 16 {
            check::<u16>(ring);
        }
        check::<u32>(ring);
    }
}

/// Plain truncation gives nothing that is not allowed: only the mean shows its bias.
#[test]
fn a_bias_that_stays_in_the_allowed_set_is_seen() {
    let (ring, bits) = (Ring::new(16), 4);
    let values = values::<u16>(ring, bits);
    let down = values.all.iter().map(|value| value >> (ring.bits() - bits));
    let always_down: Vec<u8> = down.map(|value| value as u8).collect();
    let fault = fault(bits, &values, &always_down).unwrap();
    assert!(fault.ends_with("on average"), "{fault}");
}

#[test]
fn cutting_nothing_changes_nothing() {
    let ring = Ring::new(8);
    let every: Vec<u8> = (0..=255).collect();
    let ran = run(1, |runtime| {
        let y = share(runtime, ring, &every, 1);
        Ok((cut::<u8, u8>(runtime, None, &y, 8), y))
    });
    for (cut, y) in ran.outputs {
        assert_eq!(cut, y);
    }
}

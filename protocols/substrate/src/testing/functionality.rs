//! One functionality alone: declared by the cost walk, dealt and computed by three parties, and put together.

use super::Fault;
use super::transcript::{Received, recorded};
use super::trio;
use crate::cost::{CostBook, DeclaredPhase};
use crate::material::Store;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::session::PhaseRecord;
use crate::share::{Additive, Masked, Replicated};
use crate::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The step in which a functionality runs.
pub const STEP: &str = "step";

/// What came of it.
pub struct Ran<T> {
    /// What each party has at the end of `offline`.
    pub dealt: [T; 3],
    /// What each party has at the end of `online`.
    pub outputs: [T; 3],
    /// Offline and online, as declared.
    pub declared: [DeclaredPhase; 2],
    /// Offline and online, as counted at each party.
    pub counted: [[PhaseRecord; 3]; 2],
    /// Correlated randomness that each party held between them.
    pub material_bytes: [u64; 3],
    /// Messages that each party received, offline and online.
    pub received: [[Vec<Received>; 3]; 2],
}

impl<T> Ran<T> {
    /// Rounds of offline and online.
    pub fn rounds(&self) -> [u64; 2] {
        self.declared.each_ref().map(DeclaredPhase::rounds)
    }

    /// Bytes over all parties, offline and online.
    pub fn total_bytes(&self) -> [u64; 2] {
        self.declared.each_ref().map(DeclaredPhase::total_bytes)
    }

    /// Bytes from each party to each other in `online`.
    pub fn online_bytes(&self) -> [[u64; 3]; 3] {
        self.declared[1].bytes()
    }
}

/// Declares `body`, then runs it at three parties, offline and online, over an in-memory network.
///
/// # Panics
/// If a party fails; if counted bytes, rounds or material are not the declared ones; if material is left over.
pub fn run<T: Send>(threads: usize, body: impl Fn(&mut Runtime<'_>) -> Result<T> + Sync) -> Ran<T> {
    match try_run(threads, None, body) {
        Ok(ran) => ran,
        Err(error) => panic!("a party failed: {error}"),
    }
}

/// [`run`] with a fault that is planted before `offline`, and with the parties' errors handed on.
///
/// # Errors
/// A party's.
///
/// # Panics
/// As [`run`].
pub fn try_run<T: Send>(
    threads: usize,
    fault: Option<Fault>,
    body: impl Fn(&mut Runtime<'_>) -> Result<T> + Sync,
) -> Result<Ran<T>> {
    let (offline, dealt) = declare(Phase::Offline, &body)?;
    let (online, none) = declare(Phase::Online, &body)?;
    assert_eq!(none, [0; 3], "material is dealt offline");
    let (networks, transcripts) = recorded();
    let parties = trio::run_over(networks, threads, |session| {
        let transcript = &transcripts[session.me().index()];
        if let Some(fault) = fault {
            session.plant(fault);
        }
        let mut store = Store::default();
        let mut phase = |store: &mut Store, phase| {
            // The agreement and the seeds are no part of the protocol.
            transcript.take();
            session.begin_phase(phase);
            let value = Runtime::party(session, store).step(STEP, &body)?;
            Ok::<_, Error>((value, (session.end_phase(), transcript.take())))
        };
        let (dealt, offline) = phase(&mut store, Phase::Offline)?;
        let material = store.bytes();
        let (output, online) = phase(&mut store, Phase::Online)?;
        store.expect_empty()?;
        Ok(([dealt, output], [offline, online], material))
    })?;
    let material_bytes = parties.each_ref().map(|party| party.2);
    assert_eq!(material_bytes, dealt, "declared and held material");
    let [p0, p1, p2] = parties;
    let [dealt, outputs] = by_phase([p0.0, p1.0, p2.0]);
    let seen = by_phase([p0.1, p1.1, p2.1]);
    let counted = seen
        .each_ref()
        .map(|phase| phase.each_ref().map(|party| party.0.clone()));
    let ran = Ran {
        dealt,
        outputs,
        declared: [offline, online],
        counted,
        material_bytes,
        received: seen.map(|phase| phase.map(|party| party.1)),
    };
    for (declared, counted) in ran.declared.iter().zip(&ran.counted) {
        let bytes = counted.each_ref().map(|record| record.sent_bytes);
        assert_eq!(bytes, declared.bytes(), "declared and counted bytes");
        let rounds = counted.iter().map(|record| record.rounds).max();
        let declared = Some(declared.rounds());
        assert_eq!(rounds, declared, "counted and declared rounds");
    }
    Ok(ran)
}

/// The same by phase and party as by party and phase.
fn by_phase<T>([p0, p1, p2]: [[T; 2]; 3]) -> [[T; 3]; 2] {
    let ([a, d], [b, e], [c, f]) = (p0, p1, p2);
    [[a, b, c], [d, e, f]]
}

/// Deals by one walk and computes by another, with what is left at the end counted as a fault of the second: the text of
/// each party's error.
///
/// # Panics
/// If dealing fails, or a party fails otherwise than over its material.
pub fn mismatch(
    dealt: impl Fn(&mut Runtime<'_>) -> Result<()> + Sync,
    used: impl Fn(&mut Runtime<'_>) -> Result<()> + Sync,
) -> [Option<String>; 3] {
    let refusals = trio::run(1, |session| {
        let mut store = Store::default();
        session.begin_phase(Phase::Offline);
        dealt(&mut Runtime::party(session, &mut store))?;
        session.begin_phase(Phase::Online);
        let used = used(&mut Runtime::party(session, &mut store));
        match used.and_then(|()| store.expect_empty()) {
            Ok(()) => Ok(None),
            Err(error @ Error::Material { .. }) => Ok(Some(error.to_string())),
            Err(other) => Err(other),
        }
    });
    match refusals {
        Ok(refusals) => refusals,
        Err(error) => panic!("a party failed: {error}"),
    }
}

/// What the cost walk says of one phase: messages, and material by holder.
fn declare<T>(
    phase: Phase,
    body: &impl Fn(&mut Runtime<'_>) -> Result<T>,
) -> Result<(DeclaredPhase, [u64; 3])> {
    let mut book = CostBook::default();
    Runtime::declared(&mut book, phase).step(STEP, body)?;
    let dealt = book.dealt_bytes();
    Ok((book.finish(), dealt))
}

/// Uniform elements of a ring, the same for the same seed.
pub fn elements<W: Word>(ring: Ring, len: usize, seed: u64) -> Vec<W> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..len)
        .map(|_| ring.reduce(W::from_u64(random.next_u64())))
        .collect()
}

/// A sharing of known values; P2's share is drawn from `seed`. Absent where no party computes.
pub fn share<W: Word>(runtime: &Runtime<'_>, ring: Ring, clear: &[W], seed: u64) -> Additive<W> {
    let second: Vec<W> = elements(ring, clear.len(), seed ^ 0x5ec0_7d00);
    match runtime.computing_peer() {
        Some(Party::P2) => Additive::held(ring, ring.subtract(clear, &second)),
        Some(_) => Additive::held(ring, second),
        None => Additive::absent(ring, clear.len()),
    }
}

/// A sharing of known values by exclusive or instead of by sums; P2's share is drawn from `seed`.
pub fn share_bits<W: Word>(
    runtime: &Runtime<'_>,
    ring: Ring,
    clear: &[W],
    seed: u64,
) -> Additive<W> {
    let share = share(runtime, ring, clear, seed);
    if runtime.computing_peer() != Some(Party::P2) {
        return share;
    }
    let second = ring.subtract(clear, share.values());
    Additive::held(ring, exclusive_or(clear, &second))
}

/// The vector that two additive shares make.
///
/// # Panics
/// If P0 holds a share, or the shapes differ.
pub fn reconstruct<W: Word>(parties: &[Additive<W>; 3]) -> Vec<W> {
    let [first, second] = shares(parties);
    let mut clear = first.to_vec();
    parties[1].ring().add_to(&mut clear, second);
    clear
}

/// The vector whose bits two shares make by exclusive or.
///
/// # Panics
/// If P0 holds a share, or the shapes differ.
pub fn reconstruct_bits<W: Word>(parties: &[Additive<W>; 3]) -> Vec<W> {
    let [first, second] = shares(parties);
    exclusive_or(first, second)
}

fn shares<W: Word>([p0, p1, p2]: &[Additive<W>; 3]) -> [&[W]; 2] {
    assert!(p0.values().is_empty(), "P0 holds no share");
    let shapes = [p0, p1, p2].map(|share| (share.ring(), share.len()));
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    let held = [p1, p2].map(|share| share.values().len());
    assert_eq!(held, [p1.len(); 2], "P1 and P2 hold a share each");
    [p1.values(), p2.values()]
}

fn exclusive_or<W: Word>(a: &[W], b: &[W]) -> Vec<W> {
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| W::from_u64(a.to_u64() ^ b.to_u64()))
        .collect()
}

/// Components 0, 1 and 2 of a replicated vector.
pub struct Components<W> {
    ring: Ring,
    /// By number.
    pub all: [Vec<W>; 3],
}

impl<W: Word> Components<W> {
    /// The vector that they make.
    pub fn sum(&self) -> Vec<W> {
        let [mut sum, first, second] = self.all.clone();
        self.ring.add_to(&mut sum, &first);
        self.ring.add_to(&mut sum, &second);
        sum
    }
}

/// The components of a replicated vector.
///
/// # Panics
/// If the two holders of a component differ.
pub fn components<W: Word>(parties: &[Replicated<W>; 3]) -> Components<W> {
    let all = std::array::from_fn(|component| {
        // Party i holds component i - 1 as `previous` and i + 1 as `next`.
        let as_next = &parties[(component + 2) % 3].next;
        let as_previous = &parties[(component + 1) % 3].previous;
        assert_eq!(as_next, as_previous, "component {component}");
        as_next.to_vec()
    });
    Components {
        ring: parties[0].ring,
        all,
    }
}

/// The vector that masked values and the masks that P0 dealt for them make. P0 knows its masks in [`Ran::dealt`], and the
/// others the values in [`Ran::outputs`].
///
/// # Panics
/// If P1 and P2 do not see the same, or there are not as many masks as values.
pub fn unmasked<W: Word>(masks: &Masked<W>, parties: &[Masked<W>; 3]) -> Vec<W> {
    let values = parties[1].values();
    assert_eq!(values, parties[2].values(), "masked values");
    assert_eq!(values.len(), masks.masks().len(), "a mask a value");
    masks.ring().subtract(values, masks.masks()).into_vec()
}

/// Calls a generic function of a [`Ring`] at every width that each word holds: `check::<W>(ring)`.
#[macro_export]
macro_rules! at_every_width {
    ($check:ident) => {
        $crate::at_every_width!($check, u8: 1..=8, u16: 1..=16, u32: 1..=32, u64: 33..=64)
    };
    ($check:ident, $($word:ty: $widths:expr),*) => {
        $(for bits in $widths {
            $check::<$word>($crate::ring::Ring::new(bits));
        })*
    };
}

//! Runs a piece of CrypTen's arithmetic three ways: declared by the cost walk, and dealt and computed
//! by three parties whose messages are kept.

#![allow(dead_code)] // each test binary uses part of it

use qbench_baselines::crypten::fixed::{RING, encode};
use qbench_baselines::crypten::{Arithmetic, Share, Triples};
use qbench_protocols::cost::CostBook;
use qbench_protocols::net::local::local_trio;
use qbench_protocols::net::{Meter, NetError, Network, Party};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::{PhaseRecord, Session};
use qbench_protocols::system::{DeclaredPhase, Phase};
use qbench_protocols::{Result, trio};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is under test: inputs are shared by P1; the result is a share.
pub type Body = dyn Fn(&mut Arithmetic<'_>, &[Share]) -> Result<Share> + Sync;

/// Reproducible real numbers in [low, high).
pub fn uniform(count: usize, low: f64, high: f64, seed: u64) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut unit = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    (0..count).map(|_| low + (high - low) * unit()).collect()
}

/// One input, as ring elements.
#[derive(Clone)]
pub struct Input {
    pub words: Vec<u64>,
    /// Shared by exclusive or, else additively.
    pub binary: bool,
}

/// Real numbers, additively shared.
pub fn real(values: &[f64]) -> Input {
    Input {
        words: values.iter().map(|x| encode(*x)).collect(),
        binary: false,
    }
}

/// The declared cost of offline and online, and the material's bytes.
pub fn declare(values: &[Input], body: &Body) -> (DeclaredPhase, DeclaredPhase, [u64; 3]) {
    let walk = |phase| {
        let mut book = CostBook::default();
        let mut arithmetic = Arithmetic::new(Runtime::declared(&mut book, phase), None);
        let inputs = inputs(&mut arithmetic, values).unwrap();
        body(&mut arithmetic, &inputs).unwrap();
        let dealt = arithmetic.dealt_bytes();
        (book.finish(), dealt)
    };
    let (offline, dealt) = walk(Phase::Offline);
    let (online, none) = walk(Phase::Online);
    assert_eq!(none, [0; 3], "material is dealt offline");
    (offline, online, dealt)
}

fn inputs(arithmetic: &mut Arithmetic<'_>, values: &[Input]) -> Result<Vec<Share>> {
    let share = |input: &Input| {
        let words = Some(input.words.as_slice());
        let mut share = arithmetic.share_from_p1(words, input.words.len())?;
        if input.binary && arithmetic.runtime.me() == Some(Party::P1) && !share.values().is_empty()
        {
            // P2's share is the value less P1's; the value is to be the exclusive or of both.
            let mine = share.into_values();
            let theirs = mine
                .iter()
                .zip(&input.words)
                .map(|(mine, v)| v.wrapping_sub(*mine));
            let words = theirs
                .zip(&input.words)
                .map(|(theirs, v)| v ^ theirs)
                .collect();
            share = Share::held(RING, words);
        }
        Ok(share)
    };
    values.iter().map(share).collect()
}

/// What one party saw.
pub struct Seen {
    pub offline: PhaseRecord,
    pub online: PhaseRecord,
    /// After `offline`.
    pub material_bytes: u64,
    /// This party's share of the result.
    pub share: Vec<u64>,
    /// Offline: every message sent, in order.
    pub dealt: Vec<Vec<u8>>,
    /// Online: every message sent, in order.
    pub sent: Vec<Vec<u8>>,
}

/// Deals and computes at three parties.
pub fn compute(values: &[Input], threads: usize, body: &Body) -> Result<[Seen; 3]> {
    let sent: [Kept; 3] = Default::default();
    let mut keeping = sent.iter();
    let networks = local_trio(Duration::from_secs(60)).map(|network| {
        let kept = Arc::clone(keeping.next().unwrap());
        Box::new(Keeping { network, kept }) as Box<dyn Network>
    });
    trio::run_over(networks, threads, |session: &mut Session| {
        let kept = &sent[session.me().index()];
        let mut triples = Triples::default();
        session.begin_phase(Phase::Offline);
        session.enter("step");
        kept.lock().unwrap().clear();
        let mut arithmetic = Arithmetic::new(Runtime::in_session(session), Some(&mut triples));
        let absent = inputs(&mut arithmetic, values)?;
        body(&mut arithmetic, &absent)?;
        session.leave();
        let offline = session.end_phase();
        let material_bytes = triples.bytes();
        session.begin_phase(Phase::Online);
        session.enter("step");
        let dealt = std::mem::take(&mut *kept.lock().unwrap());
        let mut arithmetic = Arithmetic::new(Runtime::in_session(session), Some(&mut triples));
        let shares = inputs(&mut arithmetic, values)?;
        let result = body(&mut arithmetic, &shares)?;
        session.leave();
        let online = session.end_phase();
        triples.expect_empty()?;
        Ok(Seen {
            offline,
            online,
            material_bytes,
            share: result.values().to_vec(),
            dealt,
            sent: std::mem::take(&mut kept.lock().unwrap()),
        })
    })
}

type Kept = Arc<Mutex<Vec<Vec<u8>>>>;

/// A network that keeps a copy of what it sends.
struct Keeping<N> {
    network: N,
    kept: Kept,
}

impl<N: Network> Network for Keeping<N> {
    fn me(&self) -> Party {
        self.network.me()
    }
    fn send(
        &mut self,
        to: Party,
        step: &str,
        payload: Vec<u8>,
    ) -> std::result::Result<(), NetError> {
        self.kept.lock().unwrap().push(payload.clone());
        self.network.send(to, step, payload)
    }
    fn receive(
        &mut self,
        from: Party,
        step: &str,
        bytes: usize,
    ) -> std::result::Result<Vec<u8>, NetError> {
        self.network.receive(from, step, bytes)
    }
    fn meter(&self) -> Meter {
        self.network.meter()
    }
    fn restart_depth(&mut self) {
        self.network.restart_depth();
    }
}

/// The words of a message.
pub fn words(message: &[u8]) -> Vec<u64> {
    let words = message.chunks_exact(8);
    words
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

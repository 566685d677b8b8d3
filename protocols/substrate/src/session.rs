//! One party's session: who I am, the network, pairwise seeds, step labels, phases, threads.

mod agreement;

pub use agreement::Agreement;

use crate::Result;
use crate::commitment::Commitment;
use crate::kernel::pack;
use crate::net::{Meter, Network, Party};
use crate::phase::Phase;
use crate::prg::{Seed, Stream};
use crate::ring::{Ring, Word};
use crate::steps::{StepBook, StepRecord};
use crate::threads::{GRAIN, Threads};
use crate::wipe::Wiped;
use std::collections::HashMap;
use std::time::Instant;

/// What one phase took at this party.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PhaseRecord {
    /// Which phase.
    pub phase: Phase,
    /// From the start of the phase to this party's end of it, nanoseconds.
    pub wall_ns: u64,
    /// Payload bytes sent to each party.
    pub sent_bytes: [u64; 3],
    /// Length of the longest chain of dependent messages that ended at this party.
    pub rounds: u64,
    /// The steps, which add up to the phase.
    pub steps: Vec<StepRecord>,
}

/// Where step readings stood at the last boundary.
struct Reading {
    at: Instant,
    meter: Meter,
}

/// One party's end of a connected trio.
pub struct Session {
    network: Box<dyn Network>,
    threads: Threads,
    seeds: [Seed; 3],
    commitment: Commitment,
    phase: Phase,
    /// Phases begun so far: part of every generator domain.
    begun: u64,
    book: StepBook,
    ordinals: HashMap<(usize, String), u64>,
    #[cfg(feature = "testing")]
    fault: Option<crate::fault::Fault>,
    began: Reading,
    last: Reading,
}

impl Session {
    /// Agrees with both peers on `agreement` and on pairwise seeds, and begins phase `setup`.
    ///
    /// Of each pair the party with the lower number draws the seed and sends it: 16 bytes each. P0 sends its commitment besides.
    ///
    /// # Security
    /// Seeds cross the link as they are. In the semi-honest model with private channels this is
    /// enough; on a network that others can read, the transport must encrypt.
    ///
    /// # Errors
    /// [`crate::Error::Disagreement`] names the first field that differs.
    pub fn establish(
        mut network: Box<dyn Network>,
        agreement: &Agreement,
        threads: usize,
    ) -> Result<Self> {
        let me = network.me();
        network.restart_depth();
        let began = Instant::now();
        let meter = network.meter();
        agreement::agree(network.as_mut(), agreement)?;
        let commitment = agreement::commit(network.as_mut(), agreement.commitment)?;
        let mut seeds = [Seed::random()?, Seed::random()?, Seed::random()?];
        for peer in me.others() {
            if me < peer {
                let bytes = seeds[peer.index()].expose().to_vec();
                network.send(peer, "setup/seeds", bytes)?;
            }
        }
        for peer in me.others() {
            if peer < me {
                let bytes = Wiped::from(network.receive(peer, "setup/seeds", 16)?);
                seeds[peer.index()].set(&bytes);
            }
        }
        let mut session = Self {
            network,
            threads: Threads::new(threads)?,
            seeds,
            commitment,
            phase: Phase::Setup,
            begun: 0,
            book: StepBook::default(),
            ordinals: HashMap::new(),
            #[cfg(feature = "testing")]
            fault: None,
            began: Reading { at: began, meter },
            last: Reading { at: began, meter },
        };
        // What the agreement and the seeds took is the first step of `setup`.
        session.book.path.enter("connect");
        session.leave();
        Ok(session)
    }

    /// Which party this is.
    pub fn me(&self) -> Party {
        self.network.me()
    }

    /// What P0 has committed to in this session.
    pub fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// The party's threads.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// The phase under way.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The current step label.
    pub fn label(&self) -> &str {
        self.book.path.label()
    }

    /// Begins a phase: its clock and counters start now, and it has generator domains of its own. All
    /// parties begin the same phases in the same order.
    pub fn begin_phase(&mut self, phase: Phase) {
        #[cfg(feature = "testing")]
        let repeats = self.begun > 0 && self.fault == Some(crate::fault::Fault::RepeatedPhases);
        #[cfg(not(feature = "testing"))]
        let repeats = false;
        if !repeats {
            self.begun += 1;
        }
        self.phase = phase;
        self.ordinals.clear();
        self.network.restart_depth();
        self.began = Reading {
            at: Instant::now(),
            meter: self.network.meter(),
        };
        self.last = Reading {
            at: self.began.at,
            meter: self.began.meter,
        };
        self.book.take();
    }

    /// Breaks the session's generators from now on: for privacy tests, which must see it.
    #[cfg(feature = "testing")]
    pub fn plant(&mut self, fault: crate::fault::Fault) {
        self.fault = Some(fault);
    }

    /// Ends the phase and says what it took.
    pub fn end_phase(&mut self) -> PhaseRecord {
        self.settle();
        PhaseRecord {
            phase: self.phase,
            wall_ns: self.last.at.duration_since(self.began.at).as_nanos() as u64,
            sent_bytes: difference(&self.last.meter.sent_bytes, &self.began.meter.sent_bytes),
            rounds: self.last.meter.depth,
            steps: self.book.take(),
        }
    }

    /// Opens a step inside the current one.
    pub fn enter(&mut self, name: &str) {
        self.settle();
        self.book.path.enter(name);
    }

    /// Closes the innermost step.
    pub fn leave(&mut self) {
        self.settle();
        self.book.path.leave();
    }

    /// Books everything since the last boundary to the current step.
    fn settle(&mut self) {
        let now = Reading {
            at: Instant::now(),
            meter: self.network.meter(),
        };
        let record = self.book.current();
        record.wall_ns += now.at.duration_since(self.last.at).as_nanos() as u64;
        let sent = difference(&now.meter.sent_bytes, &self.last.meter.sent_bytes);
        for (total, more) in record.sent_bytes.iter_mut().zip(sent) {
            *total += more;
        }
        record.rounds += now.meter.depth.saturating_sub(self.last.meter.depth);
        self.last = now;
    }

    /// The next unused stream of the seed shared with `peer`, in the domain of this step. Both ends draw
    /// in the same order, so both get the same stream; no stream is handed out twice.
    pub fn shared_stream(&mut self, peer: Party) -> Stream {
        assert_ne!(peer, self.me(), "a seed of two parties");
        self.next_stream(peer.index())
    }

    /// The next unused stream of a seed that only this party knows.
    pub fn private_stream(&mut self) -> Stream {
        self.next_stream(self.me().index())
    }

    fn next_stream(&mut self, seed: usize) -> Stream {
        #[cfg(feature = "testing")]
        if self.fault == Some(crate::fault::Fault::RepeatedDraws) {
            let label = self.book.path.label();
            let domain = format!("{}/{}/{label}/0", self.begun, self.phase.name());
            return self.seeds[seed].stream(&domain);
        }
        let ordinal = self
            .ordinals
            .entry((seed, self.book.path.label().to_owned()))
            .or_insert(0);
        let domain = format!(
            "{}/{}/{}/{}",
            self.begun,
            self.phase.name(),
            self.book.path.label(),
            ordinal
        );
        *ordinal += 1;
        let stream = self.seeds[seed].stream(&domain);
        #[cfg(feature = "testing")]
        let stream = match self.kept_bits(seed) {
            Some(kept) => stream.keeping(kept),
            None => stream,
        };
        stream
    }

    /// What a planted fault leaves of the elements of the next stream, if it changes them.
    #[cfg(feature = "testing")]
    fn kept_bits(&self, seed: usize) -> Option<u64> {
        use crate::fault::Fault;
        let (me, label) = (self.me(), self.book.path.label());
        let is_of = |(a, b): (Party, Party)| {
            (me == a && seed == b.index()) || (me == b && seed == a.index())
        };
        match self.fault? {
            Fault::Zeros { of, step } => (is_of(of) && label.ends_with(step)).then_some(0),
            Fault::ZerosOfPairs(pairs) => pairs.iter().any(|pair| is_of(*pair)).then_some(0),
            Fault::Narrow { of, step, bits } => {
                let here = me == of && seed == of.index();
                (here && label.ends_with(step)).then_some(Ring::new(bits).mask())
            }
            Fault::RepeatedPhases | Fault::RepeatedDraws => None,
        }
    }

    /// Fresh elements of the seed shared with `peer`, from a stream of their own: both ends get the same ones.
    pub fn draw<W: Word>(&mut self, peer: Party, ring: Ring, len: usize) -> Wiped<W> {
        let stream = self.shared_stream(peer);
        let mut out = Wiped::zeros(len);
        self.threads.chunks_mut(&mut out, GRAIN, |first, part| {
            stream.fill(ring, first as u64, part);
        });
        out
    }

    /// Sends a vector, packed to the bit, as one message of the current step.
    ///
    /// # Errors
    /// The network's.
    pub fn send_elements<W: Word>(&mut self, to: Party, ring: Ring, elements: &[W]) -> Result<()> {
        let mut payload = Vec::with_capacity(ring.wire_bytes(elements.len()));
        pack::pack(ring, elements, &mut payload);
        self.send(to, payload)
    }

    /// Receives a vector of `len` elements, packed to the bit, as one message of the current step.
    ///
    /// # Errors
    /// The network's.
    pub fn receive_elements<W: Word>(
        &mut self,
        from: Party,
        ring: Ring,
        len: usize,
    ) -> Result<Wiped<W>> {
        let payload = self.receive(from, ring.wire_bytes(len))?;
        Ok(pack::unpack_next(ring, &mut &payload[..], len))
    }

    /// Sends one message of the current step.
    pub fn send(&mut self, to: Party, payload: Vec<u8>) -> Result<()> {
        Ok(self.network.send(to, self.book.path.label(), payload)?)
    }

    /// Receives one message of the current step, of exactly `bytes` bytes.
    pub fn receive(&mut self, from: Party, bytes: usize) -> Result<Wiped<u8>> {
        let payload = self.network.receive(from, self.book.path.label(), bytes)?;
        Ok(payload.into())
    }
}

fn difference(now: &[u64; 3], before: &[u64; 3]) -> [u64; 3] {
    std::array::from_fn(|i| now[i] - before[i])
}

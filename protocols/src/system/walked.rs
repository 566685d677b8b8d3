//! Systems whose parties walk the model: how a workload is checked, how its cost is declared, and how a party goes through
//! its phases follow, once for all, from what such a system gives.

use super::load::Loaded;
use super::settings::{self, Setting};
use super::{Declared, PartyProgram, System, Verified, Workload};
use crate::cost::{CostBook, DeclaredPhase};
use crate::material::Store;
use crate::model::config::ActivationFunction;
use crate::net::Party;
use crate::phase::Phase;
use crate::runtime::Runtime;
use crate::session::Session;
use crate::{Error, Result};

/// A system that is an engine on the walk. [`System`] follows.
pub trait WalkedSystem: Clone + Sync + 'static {
    /// What a workload comes to for this system: public shapes and choices.
    type Plan: Clone;
    /// What one party alone has: P0's model, P1's input; [`Default`] is nothing.
    type Secret: Default;
    /// A party's shares of the weights, or their shapes.
    type Weights;
    /// What a party keeps of an online phase for the verifier, and its bytes on the way there.
    type Evidence: Default + Into<Vec<u8>>;

    /// See [`System::id`].
    fn id(&self) -> &'static str;
    /// See [`System::about`].
    fn about(&self) -> &'static str;
    /// See [`System::source`].
    fn source(&self) -> &'static str;
    /// See [`System::settings`].
    fn settings(&self) -> &'static [Setting] {
        &[]
    }
    /// See [`System::default_activation`].
    fn default_activation(&self) -> ActivationFunction {
        ActivationFunction::Gelu
    }

    /// Whether scores get a model's bias by distance ([`crate::model::score_bias`]); models with one are refused where they do not.
    fn adds_score_bias(&self) -> bool {
        false
    }

    /// Shapes and choices of a workload whose model and length have been checked.
    ///
    /// # Errors
    /// What this system cannot run, in one clear sentence.
    fn plan(&self, workload: &Workload) -> Result<Self::Plan>;

    /// What a party makes of what it has read from the model folder.
    ///
    /// # Errors
    /// A model that does not fit.
    fn secret(&self, plan: &Self::Plan, loaded: Loaded) -> Result<Self::Secret>;

    /// Shares the weights: once a model, in phase `setup`; declares the messages in the cost walk. What P0 needs no longer
    /// may be taken out of `secret`.
    ///
    /// # Errors
    /// P0 without a model; the network's.
    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        plan: &Self::Plan,
        secret: &mut Self::Secret,
    ) -> Result<Self::Weights>;

    /// Walks the model once, in whatever phase the runtime is in.
    ///
    /// # Errors
    /// The engine's.
    fn walk(
        &self,
        runtime: Runtime<'_>,
        plan: &Self::Plan,
        known: Known<'_, Self>,
    ) -> Result<Self::Evidence>;

    /// Predicted peak memory of each party's process, where `material` are the bytes of correlated randomness that each holds in
    /// memory and `record` is whether evidence is kept: meant to be a little above what is measured.
    fn memory_bytes(&self, plan: &Self::Plan, material: [u64; 3], record: bool) -> [u64; 3];

    /// See [`System::verify`].
    ///
    /// # Errors
    /// Evidence that the references do not bear out.
    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified>;

    /// See [`System::sets_up_for_one_length`].
    fn sets_up_for_one_length(&self) -> bool {
        false
    }

    /// See [`System::ideal`].
    ///
    /// # Errors
    /// A model folder that cannot be read.
    fn ideal(&self, _workload: &Workload, _seed: u64) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }
}

/// What one party brings to the walk beyond what is public.
pub struct Known<'a, S: WalkedSystem> {
    /// What it alone has.
    pub secret: &'a S::Secret,
    /// Its shares of the weights.
    pub weights: &'a S::Weights,
    /// Whether to keep what verification needs.
    pub record: bool,
}

impl<S: WalkedSystem> System for S {
    fn id(&self) -> &'static str {
        WalkedSystem::id(self)
    }

    fn about(&self) -> &'static str {
        WalkedSystem::about(self)
    }

    fn source(&self) -> &'static str {
        WalkedSystem::source(self)
    }

    fn settings(&self) -> &'static [Setting] {
        WalkedSystem::settings(self)
    }

    fn default_activation(&self) -> ActivationFunction {
        WalkedSystem::default_activation(self)
    }

    fn check(&self, workload: &Workload) -> Result<()> {
        checked_plan(self, workload).map(|_| ())
    }

    fn cost(&self, workload: &Workload) -> Result<Declared> {
        let plan = checked_plan(self, workload)?;
        let mut secret = S::Secret::default();
        let mut book = CostBook::default();
        book.connect();
        let mut runtime = Runtime::declared(&mut book, Phase::Setup);
        let weights = runtime.step(WEIGHTS, |runtime| {
            self.share_weights(runtime, &plan, &mut secret)
        })?;
        let setup = book.finish();
        let walk = |phase| -> Result<(DeclaredPhase, [[u64; 3]; 2])> {
            let mut book = CostBook::default();
            let known = Known {
                secret: &secret,
                weights: &weights,
                record: false,
            };
            self.walk(Runtime::declared(&mut book, phase), &plan, known)?;
            let dealt = [book.dealt_bytes(), book.largest_dealt_bytes()];
            Ok((book.finish(), dealt))
        };
        let (offline, [material_bytes, largest]) = walk(Phase::Offline)?;
        let (online, _) = walk(Phase::Online)?;
        // From a file one piece is in memory at a time, and a copy while it is written or read; what has arrived may wait to be
        // written.
        let (in_memory, disk_bytes) = match workload.material_dir {
            None => (material_bytes, [0; 3]),
            Some(_) => {
                let kept = kept_in_memory(workload, material_bytes);
                let rest: [u64; 3] = std::array::from_fn(|i| material_bytes[i] - kept[i]);
                let working = |i: usize| kept[i] + 2 * largest[i] + rest[i].min(WAITING_BYTES);
                (std::array::from_fn(working), rest)
            }
        };
        Ok(Declared {
            setup,
            offline,
            online,
            material_bytes,
            memory_bytes: self.memory_bytes(&plan, in_memory, workload.verify),
            disk_bytes,
        })
    }

    fn party(&self, workload: &Workload, party: Party) -> Result<Box<dyn PartyProgram>> {
        let plan = checked_plan(self, workload)?;
        let secret = self.secret(&plan, Loaded::of(workload, party)?)?;
        let in_memory = match workload.material_in_memory {
            0 => 0,
            _ => kept_in_memory(workload, self.cost(workload)?.material_bytes)[party.index()],
        };
        let program = WalkedParty::new(self, workload, secret, in_memory)?;
        Ok(Box::new(program))
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        WalkedSystem::verify(self, workload, evidence)
    }

    fn sets_up_for_one_length(&self) -> bool {
        WalkedSystem::sets_up_for_one_length(self)
    }

    fn ideal(&self, workload: &Workload, seed: u64) -> Result<Option<Vec<f32>>> {
        WalkedSystem::ideal(self, workload, seed)
    }
}

/// What of the material each party holds in memory where the rest waits in files.
fn kept_in_memory(workload: &Workload, material_bytes: [u64; 3]) -> [u64; 3] {
    let all: u64 = material_bytes.iter().sum();
    let part = |bytes: u64| {
        u128::from(workload.material_in_memory) * u128::from(bytes) / u128::from(all.max(1))
    };
    material_bytes.map(|bytes| (part(bytes) as u64).min(bytes))
}

/// What of the material may have arrived before the disk takes it: more than where it was measured.
const WAITING_BYTES: u64 = 384 << 20;

/// The step of `setup` in which the weights are shared.
const WEIGHTS: &str = "weights";

/// The plan of a workload, after what is the same for every system.
fn checked_plan<S: WalkedSystem>(system: &S, workload: &Workload) -> Result<S::Plan> {
    let model = &workload.model;
    model.check().map_err(Error::Unsupported)?;
    if workload.seq_len == 0 || workload.seq_len > model.max_positions {
        return Err(Error::Unsupported(format!(
            "seq_len must be 1 to {}, the positions that model `{}` has, not {}",
            model.max_positions, model.name, workload.seq_len
        )));
    }
    if model.relative_positions && !system.adds_score_bias() {
        return Err(Error::Unsupported(format!(
            "{} does not add the bias by distance that the scores of model `{}` have",
            WalkedSystem::id(system),
            model.name
        )));
    }
    settings::check(&workload.settings, WalkedSystem::settings(system))?;
    system.plan(workload)
}

/// One party of a walked system.
pub struct WalkedParty<S: WalkedSystem> {
    system: S,
    plan: S::Plan,
    secret: S::Secret,
    record: bool,
    weights: Option<S::Weights>,
    store: Store,
    evidence: S::Evidence,
}

impl<S: WalkedSystem> WalkedParty<S> {
    /// With a party's secret at hand. Where material waits on the disk, `in_memory` bytes of it wait in memory.
    ///
    /// # Errors
    /// A workload that the system refuses; a folder for material that cannot be written.
    pub fn new(system: &S, workload: &Workload, secret: S::Secret, in_memory: u64) -> Result<Self> {
        Ok(Self {
            system: system.clone(),
            plan: checked_plan(system, workload)?,
            secret,
            record: workload.verify,
            weights: None,
            store: match &workload.material_dir {
                None => Store::default(),
                Some(dir) => Store::spilled(dir, in_memory)?,
            },
            evidence: S::Evidence::default(),
        })
    }

    /// Walks the session's current phase.
    fn walk(&mut self, session: &mut Session) -> Result<()> {
        let weights = self.weights.as_ref();
        let weights = weights
            .ok_or_else(|| Error::Internal("a walk needs the weights shared at setup".into()))?;
        let known = Known {
            secret: &self.secret,
            weights,
            record: self.record,
        };
        let runtime = Runtime::party(session, &mut self.store);
        self.evidence = self.system.walk(runtime, &self.plan, known)?;
        Ok(())
    }
}

impl<S: WalkedSystem> PartyProgram for WalkedParty<S> {
    fn setup(&mut self, session: &mut Session) -> Result<()> {
        let mut runtime = Runtime::party(session, &mut self.store);
        let (system, plan, secret) = (&self.system, &self.plan, &mut self.secret);
        let weights = runtime.step(WEIGHTS, |runtime| {
            system.share_weights(runtime, plan, secret)
        })?;
        self.weights = Some(weights);
        Ok(())
    }

    fn offline(&mut self, session: &mut Session) -> Result<()> {
        self.store.expect_empty()?;
        self.walk(session)
    }

    fn online(&mut self, session: &mut Session) -> Result<()> {
        self.walk(session)?;
        self.store.expect_empty()
    }

    fn next(&mut self, workload: &Workload, party: Party) -> Result<()> {
        self.plan = checked_plan(&self.system, workload)?;
        // P0's model is the same; only an input is another.
        if party == Party::P1 {
            let loaded = Loaded::of(workload, party)?;
            self.secret = self.system.secret(&self.plan, loaded)?;
        }
        Ok(())
    }

    fn material(&self) -> (u64, String) {
        (self.store.bytes(), self.store.place())
    }

    fn evidence(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.evidence).into()
    }
}

//! One party's program: setup, then offline and online in turn.

use super::engine::{CrypTen, Settings};
use super::fixed::encode;
use super::weights::SharedWeights;
use super::{Arithmetic, Triples};
use qbench_protocols::model::load;
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::walk::walk;
use qbench_protocols::net::Party;
use qbench_protocols::ring::Word;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::system::{PartyProgram, Phase, Workload};
use qbench_protocols::{Error, Result};

/// What only one party has.
pub enum Secret {
    /// P0: the model, until it has been shared.
    Model(Box<QuantizedModel>),
    /// P1: its embedded tokens, encoded.
    Input(Vec<u64>),
    /// P2: nothing.
    Nothing,
}

impl Secret {
    /// P1's secret: `seq_len` x `hidden` real numbers.
    pub fn input(values: &[f32]) -> Self {
        Self::Input(values.iter().map(|v| encode(f64::from(*v))).collect())
    }
}

/// One party of `crypten`.
pub struct CrypTenParty {
    settings: Settings,
    secret: Secret,
    weights: Option<SharedWeights>,
    triples: Triples,
    /// What P1 learned.
    output: Vec<u64>,
}

impl CrypTenParty {
    /// With a party's secret at hand; for tests and for callers that load it themselves.
    pub fn new(workload: &Workload, secret: Secret) -> Self {
        Self {
            settings: Settings {
                config: workload.model.clone(),
                seq_len: workload.seq_len,
            },
            secret,
            weights: None,
            triples: Triples::default(),
            output: Vec::new(),
        }
    }

    /// Loads what this party may know from the model folder.
    pub fn load(workload: &Workload, party: Party) -> Result<Self> {
        let secret = match party {
            Party::P0 => Secret::Model(Box::new(load::model(workload)?)),
            Party::P1 => Secret::input(&load::input(workload)?.1),
            Party::P2 => Secret::Nothing,
        };
        Ok(Self::new(workload, secret))
    }

    /// Walks the session's current phase.
    fn walk(&mut self, session: &mut Session) -> Result<()> {
        let absent = SharedWeights::absent(&self.settings.config);
        let (mut weights, mut input) = (&absent, None);
        if session.phase() == Phase::Online && session.me() != Party::P0 {
            weights = self.weights.as_ref().unwrap_or(&absent);
            if let Secret::Input(values) = &self.secret {
                input = Some(values.as_slice());
            }
        }
        let runtime = Runtime::in_session(session);
        let arithmetic = Arithmetic::new(runtime, Some(&mut self.triples));
        let mut engine = CrypTen::new(arithmetic, &self.settings, weights, input);
        walk(&mut engine, &self.settings.config)?;
        self.output = std::mem::take(&mut engine.output);
        Ok(())
    }
}

impl PartyProgram for CrypTenParty {
    fn setup(&mut self, session: &mut Session) -> Result<()> {
        // The provider needs the model no longer than this: it deals triples without it.
        let model = match std::mem::replace(&mut self.secret, Secret::Nothing) {
            Secret::Model(model) => Some(model),
            other => {
                self.secret = other;
                None
            }
        };
        let weights = SharedWeights::share(session, &self.settings.config, model.as_deref())?;
        self.weights = Some(weights);
        Ok(())
    }

    fn offline(&mut self, session: &mut Session) -> Result<()> {
        self.triples.expect_empty()?;
        self.walk(session)
    }

    fn online(&mut self, session: &mut Session) -> Result<()> {
        if self.weights.is_none() {
            return Err(Error::Unsupported(
                "online needs the weights shared at setup".into(),
            ));
        }
        self.walk(session)?;
        self.triples.expect_empty()
    }

    fn material(&self) -> (u64, String) {
        (self.triples.bytes(), "memory".into())
    }

    fn evidence(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        u64::write_le(&std::mem::take(&mut self.output), &mut bytes);
        bytes
    }
}

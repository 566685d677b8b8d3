//! One party's program: setup, then offline and online in turn.

use super::weights::SharedWeights;
use super::{Knowledge, LutRss, Settings};
use crate::evidence::Evidence;
use crate::lut::store::Store;
use crate::model::integer::IntegerModel;
use crate::model::load;
use crate::model::quantized::QuantizedModel;
use crate::model::walk::walk;
use crate::net::Party;
use crate::runtime::Runtime;
use crate::session::Session;
use crate::system::{PartyProgram, Workload};
use crate::{Error, Result};

/// What only one party has.
pub enum Secret {
    /// P0: the model.
    Model(Box<QuantizedModel>),
    /// P1: its embedded tokens as indices.
    Input(Vec<u8>),
    /// P2: nothing.
    Nothing,
}

/// One party of `lut-rss`.
pub struct LutRssParty {
    settings: Settings,
    secret: Secret,
    record: bool,
    weights: Option<SharedWeights>,
    store: Store,
    evidence: Evidence,
}

impl LutRssParty {
    /// With a party's secret at hand; for tests and for callers that load it themselves.
    pub fn new(workload: &Workload, secret: Secret) -> Self {
        Self {
            settings: Settings::from(workload),
            secret,
            record: workload.verify,
            weights: None,
            store: Store::default(),
            evidence: Evidence::default(),
        }
    }

    /// Loads what this party may know from the model folder.
    pub fn load(workload: &Workload, party: Party) -> Result<Self> {
        let secret = match party {
            Party::P0 => Secret::Model(Box::new(load::model(workload)?)),
            Party::P1 => {
                let (range, values) = load::input(workload)?;
                Secret::Input(IntegerModel::quantize_input(
                    range,
                    workload.index_bits,
                    &values,
                ))
            }
            Party::P2 => Secret::Nothing,
        };
        Ok(Self::new(workload, secret))
    }

    fn integer_model(&self) -> Result<Option<IntegerModel<'_>>> {
        match &self.secret {
            Secret::Model(model) => {
                IntegerModel::new(model, self.settings.index_bits, self.settings.seq_len).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Walks the session's current phase.
    fn walk(&mut self, session: &mut Session) -> Result<()> {
        let mut store = std::mem::take(&mut self.store);
        let mut evidence = Evidence::default();
        let model = self.integer_model()?;
        let input = match &self.secret {
            Secret::Input(input) => Some(input.as_slice()),
            _ => None,
        };
        let known = Knowledge {
            model: model.as_ref(),
            weights: self.weights.as_ref(),
            input,
        };
        let runtime = Runtime::party(session, &mut store, self.record.then_some(&mut evidence));
        let mut engine = LutRss::new(runtime, &self.settings, known);
        walk(&mut engine, &self.settings.config)?;
        evidence.output = std::mem::take(&mut engine.output);
        self.store = store;
        self.evidence = evidence;
        Ok(())
    }
}

impl PartyProgram for LutRssParty {
    fn setup(&mut self, session: &mut Session) -> Result<()> {
        let model = self.integer_model()?;
        let weights = SharedWeights::share(session, &self.settings, model.as_ref())?;
        self.weights = Some(weights);
        Ok(())
    }

    fn offline(&mut self, session: &mut Session) -> Result<()> {
        self.store.expect_empty()?;
        self.walk(session)
    }

    fn online(&mut self, session: &mut Session) -> Result<()> {
        if self.weights.is_none() {
            return Err(Error::Unsupported(
                "online needs the weights shared at setup".into(),
            ));
        }
        self.walk(session)?;
        self.store.expect_empty()
    }

    fn material(&self) -> (u64, String) {
        (self.store.bytes(), "memory".into())
    }

    fn evidence(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.evidence).to_bytes()
    }
}

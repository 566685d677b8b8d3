//! P1's joint view of a product. P1 holds components 0 and 2 of the input and the share w_2 of the
//! weights; P0's summand is `x_2 W' + x_1 w_2 + bias`. Where a row of w_2 is even, the summand without its
//! mask has the parity of `x_2 W' + bias`: P1 can confirm any guess of the signs or the scale.

use super::*;
use crate::kernel::gemm16;
use crate::lut_rss::weights::SharedLinear;
use crate::material::Store;
use crate::model::walk::Linear;
use crate::phase::Phase;
use crate::quantized::integer::PRODUCT;
use crate::session::Session;
use crate::share::reshare;
use crate::testing::transcript::{Transcript, recorded};
use crate::testing::trio;
use crate::testing::view::{Seen, View};

const SESSIONS: usize = 20;
const ROWS: usize = 16;
const HIDDEN: usize = 2;
const OUTPUTS: usize = 128;
const LINEAR: Linear = Linear::FeedForwardIn(0);

/// What P1 knows after one product.
struct Known {
    /// Component 2 of the input, `ROWS` x `HIDDEN`.
    second: Vec<u16>,
    /// Its share of the weights, `HIDDEN` x `OUTPUTS`.
    weights: Vec<u16>,
    /// P0's summand as it came, `ROWS` x `OUTPUTS`.
    summand: Vec<u16>,
}

/// The parity of every summand that meets an even row of w_2, plus the parity that it would have without
/// a mask. Input 0 is the same level everywhere, input 1 is random.
pub(super) fn parities(input: usize, fault: Option<Fault>) -> View {
    let mut config = config(HIDDEN, 1, ActivationFunction::Relu);
    config.feed_forward = OUTPUTS;
    let source = synthetic(&config, 43).unwrap();
    let plan = plan(config, ROWS, 4);
    let model = IntegerModel::new(&source, 4, ROWS).unwrap();
    let clear = model.linear(LINEAR).unwrap();
    let (weights, bias) = (clear.weights(), &clear.bias);
    let x = [vec![7; ROWS * HIDDEN], elements(PRODUCT, ROWS * HIDDEN, 44)];
    let mut sessions = Vec::new();
    for seed in 0..SESSIONS as u64 {
        let (networks, transcripts) = recorded();
        let [_, known, _] = trio::run_over(networks, 1, |session| {
            let transcript = &transcripts[session.me().index()];
            multiply(session, transcript, &plan, &model, &x[input], seed, fault)
        })
        .unwrap();
        let even =
            |output: &usize| (0..HIDDEN).all(|i| known.weights[i * OUTPUTS + output] % 2 == 0);
        let mut parities = Vec::new();
        for (row, summand) in known.summand.chunks(OUTPUTS).enumerate() {
            for output in (0..OUTPUTS).filter(even) {
                let mut sum = summand[output].wrapping_add(bias[output] as u16);
                for i in 0..HIDDEN {
                    let weight = weights[output * HIDDEN + i];
                    sum = sum.wrapping_add(known.second[row * HIDDEN + i].wrapping_mul(weight));
                }
                parities.push(u64::from(sum & 1));
            }
        }
        sessions.push(vec![parities]);
    }
    let seen = Seen::additive(Ring::new(1), sessions);
    View::from([("parity of a summand".to_owned(), seen)])
}

fn multiply(
    session: &mut Session,
    transcript: &Transcript,
    plan: &Plan,
    model: &IntegerModel<'_>,
    x: &[u16],
    seed: u64,
    fault: Option<Fault>,
) -> Result<Known> {
    let mut store = Store::default();
    let model = (session.me() == Party::P0).then_some(model);
    let weights = SharedWeights::share(&mut Runtime::party(session, &mut store), plan, model)?;
    session.begin_phase(Phase::Online);
    let runtime = Runtime::party(session, &mut store);
    let known = Knowledge {
        weights: Some(&weights),
        ..Knowledge::default()
    };
    let mut engine = LutRss::new(runtime, plan, known);
    let x = share(&engine.runtime, PRODUCT, x, seed);
    let lifted = reshare(&mut engine.runtime, &[&x])?.pop();
    let second = lifted.as_ref().map_or_else(Vec::new, |x| x.next.to_vec());
    transcript.take();
    if let Some(fault) = fault {
        engine.runtime.session()?.plant(fault);
    }
    let mut x = Activation {
        lifted,
        ..Activation::default()
    };
    engine.linear(LINEAR, &mut x)?;
    let mut known = Known {
        second,
        weights: vec![0; HIDDEN * OUTPUTS],
        summand: vec![0; ROWS * OUTPUTS],
    };
    if let SharedLinear::Second(packed) = weights.get(LINEAR)? {
        let identity: Vec<u16> = (0..HIDDEN * HIDDEN)
            .map(|i| u16::from(i / HIDDEN == i % HIDDEN))
            .collect();
        let out = &mut known.weights;
        gemm16::multiply_add(&identity, HIDDEN, HIDDEN, packed, out, OUTPUTS);
        let messages = transcript.take();
        assert_eq!(messages.len(), 1, "P0's summand alone");
        u16::read_le(&messages[0].payload, &mut known.summand);
    }
    Ok(known)
}

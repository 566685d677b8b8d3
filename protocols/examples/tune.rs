use qbench_protocols::model::{config::*, float::*, reference_float::*, store, synthetic::*};
use std::time::Instant;
fn main() {
    let name = std::env::args().nth(1).unwrap();
    let mut c = ModelConfig::preset(&name).unwrap();
    if std::env::args().nth(2).is_some() {
        c.activation = ActivationFunction::Gelu;
        c.head = Head::Hidden;
    }
    let t = Instant::now();
    let m = synthetic(&c, 1).unwrap();
    println!("gen {:?}", t.elapsed());
    let t = Instant::now();
    let d = std::path::Path::new("/tmp/h3model");
    store::save(d, &m, None).unwrap();
    println!("save {:?}", t.elapsed());
    let t = Instant::now();
    let m2 = store::load_private(d).unwrap();
    println!("load {:?} {}", t.elapsed(), m2 == m);
    for l in [0, 1, c.layers / 2, c.layers - 1] {
        let x = &m.layers[l];
        println!(
            "L{l} qkv {:?} score {:?} ctx {:?} inner {:?} act {:?}\n an {:?}",
            x.qkv_range,
            x.score_range,
            x.context_range,
            x.inner_range,
            x.activated_range,
            (
                x.attention_norm.sum,
                x.attention_norm.mean,
                x.attention_norm.variance,
                x.attention_norm.output
            )
        );
    }
    println!(
        "{:?}",
        m.head.as_ref().map(|h| (h.pooler_range, h.logit_range))
    );
    for n in [16, 128] {
        let xs: Vec<_> = (0..if n == 16 { 6 } else { 1 })
            .map(|i| synthetic_input(&c, n, 100 + i))
            .collect();
        let mut o = |s: Site, x: &mut [Matrix]| match s {
            Site::Scores(l) => {
                let mut v = 0.;
                let mut k = 0;
                for m in x.iter() {
                    for r in m.data.chunks(m.columns) {
                        v += moments(r).1;
                        k += 1
                    }
                }
                print!("[{l}] std {:.2} ", (v / k as f32).sqrt())
            }
            Site::Probabilities(_) => {
                let mut v = 0.;
                let mut k = 0;
                for m in x.iter() {
                    for r in m.data.chunks(m.columns) {
                        v += r.iter().cloned().fold(0., f32::max);
                        k += 1
                    }
                }
                println!("maxp {:.3}", v / k as f32)
            }
            Site::NormOutput(_) => {
                let m = &x[0];
                if m.rows() > 1 {
                    let (a, b) = (&m.data[..m.columns], &m.data[m.columns..2 * m.columns]);
                    let d: f32 =
                        a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>() / m.columns as f32;
                    print!("cos {d:.2} ")
                }
            }
            _ => {}
        };
        let y = FloatReference::run_observed(&m, &xs, &mut o).unwrap();
        if c.head != Head::Hidden {
            println!("{:?}", y);
        }
        let t = Instant::now();
        FloatReference::run(&m, &xs).unwrap();
        println!("fwd signs n={n} {:?}", t.elapsed());
    }
    let xs = vec![synthetic_input(&c, 128, 5)];
    let layers = m
        .layers
        .iter()
        .map(|l| FloatLayer {
            query: (&l.query).into(),
            key: (&l.key).into(),
            value: (&l.value).into(),
            attention_output: (&l.attention_output).into(),
            feed_forward_in: (&l.feed_forward_in).into(),
            feed_forward_out: (&l.feed_forward_out).into(),
            attention_norm: FloatNorm {
                gamma: l.attention_norm.gamma.clone(),
                beta: l.attention_norm.beta.clone(),
            },
            feed_forward_norm: FloatNorm {
                gamma: l.feed_forward_norm.gamma.clone(),
                beta: l.feed_forward_norm.beta.clone(),
            },
        })
        .collect();
    let f = FloatModel {
        config: c.clone(),
        embeddings: None,
        layers,
        head: m.head.as_ref().map(|h| FloatHead {
            pooler: (&h.pooler).into(),
            classifier: (&h.classifier).into(),
        }),
    };
    let t = Instant::now();
    FloatReference::run(&f, &xs).unwrap();
    println!("fwd float n=128 {:?}", t.elapsed());
}

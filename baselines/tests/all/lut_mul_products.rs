//! Sums of products by tables against one multiplication after the other, at shapes that do not fit a batch, a message, a block or a
//! thread; and tables that are missing, left over or dealt for something else.

use qbench_baselines::lut_mul::dots::Dots;
use qbench_baselines::lut_mul::operand::{Contents, Operand, transposed};
use qbench_baselines::lut_mul::product::sums_of_products;
use qbench_protocols::Result;
use qbench_protocols::lut::{Opened, open_all};
use qbench_protocols::lut_rss::linear::HeadShape;
use qbench_protocols::quantized::integer::PRODUCT;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Additive;
use qbench_protocols::testing::functionality::{elements, mismatch, reconstruct, run, share};

/// What each index counts: nothing regular, and products that wrap.
fn values(bits: u32, seed: u64) -> Vec<i64> {
    let words: Vec<u16> = elements(PRODUCT, 1 << bits, seed);
    words.into_iter().map(i64::from).collect()
}

/// A matrix and its width.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    bits: u32,
    elements: &'a [u8],
}

/// Opens the operands and takes the products.
fn products(
    runtime: &mut Runtime<'_>,
    dots: Dots,
    left: Option<Matrix<'_>>,
    right: Matrix<'_>,
    weights: &[u16],
    bias: &[u16],
) -> Result<Additive<u16>> {
    let shared = |runtime: &Runtime<'_>, x: Matrix<'_>, seed| {
        share(runtime, Ring::new(x.bits), x.elements, seed)
    };
    let right_share = shared(runtime, right, 1);
    let left_share = left.map(|left| shared(runtime, left, 2));
    let mut inputs = vec![&right_share];
    inputs.extend(&left_share);
    let mut opened = open_all(runtime, &inputs)?;
    let left_opened = left_share.as_ref().and_then(|_| opened.pop());
    let right_opened: Opened = opened.remove(0);
    let right_opened = match dots {
        Dots::Context(shape) => transposed(&right_opened, shape.hidden),
        _ => right_opened,
    };
    sums_of_products(runtime, dots, left_opened.as_ref(), &right_opened, || {
        Ok(Contents {
            left: match (&left_opened, left) {
                (Some(opened), Some(left)) => Operand::opened(opened, &values(left.bits, 8)),
                _ => Operand::known(weights.to_vec().into()),
            },
            right: Operand::opened(&right_opened, &values(right.bits, 9)),
            bias: bias.to_vec().into(),
        })
    })
}

/// What an index counts.
fn counts(x: Matrix<'_>, seed: u64, at: usize) -> u16 {
    values(x.bits, seed)[usize::from(x.elements[at])] as u16
}

#[test]
fn layers_are_the_naive_product() {
    for (rows, outputs, inputs, bits, threads) in [
        (1, 1, 1, 4, 1),
        (3, 5, 7, 4, 2),
        (2, 3, 513, 5, 3),
        (5, 9, 100, 6, 2),
        (1, 40, 1025, 4, 2),
        (7, 300, 64, 4, 3),
        (2, 2, 2000, 6, 1),
    ] {
        let x: Vec<u8> = elements(Ring::new(bits), rows * inputs, 3);
        let weights: Vec<u16> = elements(PRODUCT, outputs * inputs, 4);
        let bias: Vec<u16> = elements(PRODUCT, outputs, 5);
        let dots = Dots::Layer {
            rows,
            outputs,
            inputs,
        };
        let x = Matrix { bits, elements: &x };
        let ran = run(threads, |r| products(r, dots, None, x, &weights, &bias));
        // What is dealt: a table a product, and the offsets.
        let tables = rows * outputs * inputs * (2 << bits);
        let offsets = Ring::new(bits).wire_bytes(rows * inputs);
        assert_eq!(ran.total_bytes()[0], (tables + offsets) as u64);
        assert_eq!(ran.total_bytes()[1], 2 * offsets as u64);
        for (dot, y) in reconstruct(&ran.outputs).into_iter().enumerate() {
            let (row, output) = (dot / outputs, dot % outputs);
            let expected = (0..inputs).fold(bias[output], |sum, i| {
                let product =
                    counts(x, 9, row * inputs + i).wrapping_mul(weights[output * inputs + i]);
                sum.wrapping_add(product)
            });
            assert_eq!(y, expected, "{dots:?}, dot product {dot}");
        }
    }
}

#[test]
fn scores_and_contexts_are_the_naive_products() {
    for (tokens, heads, width, bits) in [
        (1, 1, 1, [4, 4]),
        (3, 2, 5, [4, 4]),
        (5, 3, 4, [5, 5]),
        (17, 2, 3, [4, 4]),
        (4, 1, 40, [6, 6]),
        (5, 2, 3, [4, 6]),
    ] {
        let hidden = heads * width;
        let shape = HeadShape {
            tokens,
            hidden,
            heads,
            width,
        };
        let matrix = |bits, len, seed| -> Vec<u8> { elements(Ring::new(bits), len, seed) };
        let (q, k) = (
            matrix(bits[0], tokens * hidden, 1),
            matrix(bits[1], tokens * hidden, 2),
        );
        let p = matrix(bits[0], heads * tokens * tokens, 3);
        let of = |at: usize, elements| Matrix {
            bits: bits[at],
            elements,
        };
        let (q, k, p) = (of(0, &q[..]), of(1, &k[..]), of(0, &p[..]));
        let product = |a: (Matrix<'_>, usize), b: (Matrix<'_>, usize)| {
            counts(a.0, 8, a.1).wrapping_mul(counts(b.0, 9, b.1))
        };

        let ran = run(2, |r| {
            products(r, Dots::Scores(shape), Some(q), k, &[], &[])
        });
        for (dot, y) in reconstruct(&ran.outputs).into_iter().enumerate() {
            let (head, row, key) = (dot / tokens / tokens, dot / tokens % tokens, dot % tokens);
            let expected = (head * width..(head + 1) * width).fold(0u16, |sum, f| {
                sum.wrapping_add(product((q, row * hidden + f), (k, key * hidden + f)))
            });
            assert_eq!(y, expected, "{shape:?}, score {dot}");
        }

        let ran = run(2, |r| {
            products(r, Dots::Context(shape), Some(p), k, &[], &[])
        });
        for (dot, y) in reconstruct(&ran.outputs).into_iter().enumerate() {
            let (row, f) = (dot / hidden, dot % hidden);
            let probabilities = (f / width * tokens + row) * tokens;
            let expected = (0..tokens).fold(0u16, |sum, j| {
                sum.wrapping_add(product((p, probabilities + j), (k, j * hidden + f)))
            });
            assert_eq!(y, expected, "{shape:?}, context {dot}");
        }
    }
}

#[test]
fn tables_of_something_else_are_refused() {
    let x: Vec<u8> = elements(Ring::new(4), 12, 3);
    let walk = |rows: usize, outputs: usize, bits: u32, twice: bool| {
        let x = &x;
        move |r: &mut Runtime<'_>| {
            let dots = Dots::Layer {
                rows,
                outputs,
                inputs: 12 / rows,
            };
            let weights = vec![1; 12 / rows * outputs];
            let x = share(r, Ring::new(bits), x, 1);
            let x = open_all(r, &[&x])?.remove(0);
            let mut take = || {
                sums_of_products(r, dots, None, &x, || {
                    Ok(Contents {
                        left: Operand::known(weights.clone().into()),
                        right: Operand::opened(&x, &values(bits, 9)),
                        bias: Vec::new().into(),
                    })
                })
            };
            take()?;
            if twice {
                take()?;
            }
            Ok(())
        }
    };
    for (dealt, used, text) in [
        (walk(2, 3, 4, false), walk(2, 3, 4, false), ""),
        (
            walk(2, 3, 4, false),
            walk(3, 2, 4, false),
            "dot products 0 to 6",
        ),
        (walk(2, 3, 4, false), walk(2, 3, 5, false), "12 offsets"),
        (
            walk(2, 3, 4, false),
            walk(2, 3, 4, true),
            "the store is empty",
        ),
        (walk(2, 3, 4, true), walk(2, 3, 4, false), "1 pieces left"),
    ] {
        let [p0, p1, p2] = mismatch(dealt, used);
        assert_eq!(p0, None);
        for error in [p1, p2] {
            match error {
                None => assert_eq!(text, ""),
                Some(error) => assert!(!text.is_empty() && error.contains(text), "{error}"),
            }
        }
    }
}

use super::*;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

fn random(count: usize, seed: u64) -> Vec<u64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| random.next_u64()).collect()
}

/// One product with strides wider than the rows.
struct Case {
    rows: usize,
    inner: usize,
    columns: usize,
    a: Vec<u64>,
    a_stride: usize,
    b_rows: Vec<u64>,
    c: Vec<u64>,
    c_stride: usize,
}

impl Case {
    /// `slack` elements lie between the rows of `a` and `c`; none follow their last rows, so that
    /// reading or writing past the end is out of bounds.
    fn new(rows: usize, inner: usize, columns: usize, slack: usize) -> Self {
        let (a_stride, c_stride) = (inner + slack, columns + slack);
        Self {
            rows,
            inner,
            columns,
            a: random((rows - 1) * a_stride + inner, 1),
            a_stride,
            b_rows: random(columns * inner, 2),
            c: random((rows - 1) * c_stride + columns, 3),
            c_stride,
        }
    }

    fn packed(&self) -> Packed64 {
        Packed64::from_rows(&self.b_rows, self.columns, self.inner)
    }

    /// The definition, without the packed layout.
    fn expected(&self) -> Vec<u64> {
        let mut c = self.c.clone();
        for row in 0..self.rows {
            let a = &self.a[row * self.a_stride..][..self.inner];
            for column in 0..self.columns {
                let b = &self.b_rows[column * self.inner..][..self.inner];
                let c = &mut c[row * self.c_stride + column];
                for (a, b) in a.iter().zip(b) {
                    *c = c.wrapping_add(a.wrapping_mul(*b));
                }
            }
        }
        c
    }

    fn check(&self) {
        let (b, expected) = (self.packed(), self.expected());
        for &kernel in Kernel::available() {
            let mut c = self.c.clone();
            let Self {
                rows,
                a_stride,
                c_stride,
                ..
            } = *self;
            multiply_add_with(kernel, &self.a, a_stride, rows, &b, &mut c, c_stride);
            assert!(
                c == expected,
                "{kernel:?}: {rows} x {} x {}, strides {a_stride} and {c_stride}",
                self.inner,
                self.columns
            );
        }
    }
}

#[test]
fn kernels_agree_on_small_shapes() {
    for rows in (1..=13).chain([16, 23, 24, 25]) {
        for inner in [1, 2, 3, 7, 64] {
            for columns in [1, 15, 16, 17, 32, 48, 50, 64, 79, 80, 96, 112] {
                Case::new(rows, inner, columns, 0).check();
            }
        }
    }
}

#[test]
fn kernels_agree_across_blocks_of_the_inner_dimension() {
    for inner in [255, 256, 511, 512, 513, 768, 1023, 1024, 1025, 1537] {
        Case::new(9, inner, 65, 5).check();
    }
}

#[test]
fn kernels_agree_on_random_shapes() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut draw = |limit: u64| 1 + (random.next_u64() % limit) as usize;
    for _ in 0..150 {
        Case::new(draw(70), draw(300), draw(200), draw(9) - 1).check();
    }
}

#[test]
fn extreme_elements_wrap() {
    for value in [1 << 63, u64::MAX, u64::from(u32::MAX)] {
        let mut case = Case::new(8, 410, 48, 0);
        case.a.fill(value);
        case.b_rows.fill(value);
        case.check();
    }
}

#[test]
fn both_packings_agree() {
    for (inner, columns) in [(1, 1), (5, 3), (17, 33), (64, 48)] {
        let rows = random(columns * inner, 5);
        let mut transposed = vec![0; rows.len()];
        for column in 0..columns {
            for k in 0..inner {
                transposed[k * columns + column] = rows[column * inner + k];
            }
        }
        let from_rows = Packed64::from_rows(&rows, columns, inner);
        let from_columns = Packed64::from_columns(&transposed, inner, columns);
        assert_eq!((from_rows.inner(), from_rows.columns()), (inner, columns));
        for panel in 0..from_rows.panels() {
            let (a, b) = (from_rows.panel(panel), from_columns.panel(panel));
            assert!(a.iter().zip(b).all(|(a, b)| a.0 == b.0));
        }
    }
}

#[test]
fn threads_give_the_same_product() {
    for count in [1, 2, 3] {
        let threads = Threads::new(count).expect("threads");
        for (rows, inner, columns) in [(1, 3000, 3000), (70, 1000, 450), (600, 700, 33), (5, 4, 3)]
        {
            let case = Case::new(rows, inner, columns, 1);
            let (b, mut c) = (case.packed(), case.c.clone());
            multiply_add_parallel(
                &threads,
                &case.a,
                case.a_stride,
                rows,
                &b,
                &mut c,
                case.c_stride,
            );
            let mut alone = case.c.clone();
            multiply_add(&case.a, case.a_stride, rows, &b, &mut alone, case.c_stride);
            assert!(
                c == alone,
                "{rows} x {inner} x {columns} on {count} threads"
            );
        }
    }
}

#[test]
fn empty_products_change_nothing() {
    let b = Packed64::from_rows(&[], 3, 0);
    let mut c = [1, 2, 3];
    multiply_add(&[], 0, 1, &b, &mut c, 3);
    assert_eq!(c, [1, 2, 3]);
    multiply_add(&[], 2, 0, &Packed64::from_rows(&[1, 2], 1, 2), &mut [], 1);
}

#[test]
#[should_panic(expected = "left operand")]
fn short_left_operands_are_refused() {
    let b = Packed64::from_rows(&[0; 6], 2, 3);
    multiply_add(&[0; 6], 4, 2, &b, &mut [0; 4], 2);
}

#[test]
#[should_panic(expected = "overlap")]
fn overlapping_rows_are_refused() {
    let b = Packed64::from_rows(&[0; 6], 2, 3);
    multiply_add(&[0; 6], 3, 2, &b, &mut [0; 4], 1);
}

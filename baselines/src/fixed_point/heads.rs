//! Attention heads: linear maps on what a party holds, for any kind of sharing.

use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::ring::Word;

/// `[n, hidden]` to `[heads, n, width]`.
pub fn split<W: Word>(config: &ModelConfig, x: &[W]) -> Vec<W> {
    let width = config.head_width();
    let mut out = Vec::with_capacity(x.len());
    for head in 0..config.heads {
        for row in x.chunks_exact(config.hidden) {
            out.extend_from_slice(&row[head * width..][..width]);
        }
    }
    out
}

/// `[heads, n, width]` to `[n, hidden]`.
pub fn join<W: Word>(config: &ModelConfig, x: &[W]) -> Vec<W> {
    let width = config.head_width();
    let tokens = x.len() / config.hidden;
    let mut out = Vec::with_capacity(x.len());
    for token in 0..tokens {
        for head in x.chunks_exact(tokens * width) {
            out.extend_from_slice(&head[token * width..][..width]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining_undoes_splitting() {
        let mut config = ModelConfig::preset("bert-tiny").unwrap();
        (config.hidden, config.heads) = (6, 3);
        let x: Vec<u16> = (0..24).collect();
        let heads = split(&config, &x);
        assert_eq!(heads[..4], [0, 1, 6, 7]);
        assert_eq!(join(&config, &heads), x);
    }
}

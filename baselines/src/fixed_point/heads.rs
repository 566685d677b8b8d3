//! Attention heads: linear maps on what a party holds, for any kind of sharing.

use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::ring::Word;
use qbench_protocols::wipe::Wiped;

/// `[n, hidden]` to `[heads, n, width]`.
pub fn split<W: Word>(config: &ModelConfig, x: &[W]) -> Wiped<W> {
    let width = config.head_width();
    let of_head = |head| {
        let rows = x.chunks_exact(config.hidden);
        rows.map(move |row| &row[head * width..][..width])
    };
    Wiped::joined(x.len(), (0..config.heads).flat_map(of_head))
}

/// `[heads, n, width]` to `[n, hidden]`.
pub fn join<W: Word>(config: &ModelConfig, x: &[W]) -> Wiped<W> {
    let width = config.head_width();
    let tokens = x.len() / config.hidden;
    let of_token = |token| {
        let heads = x.chunks_exact(tokens * width);
        heads.map(move |head| &head[token * width..][..width])
    };
    Wiped::joined(x.len(), (0..tokens).flat_map(of_token))
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

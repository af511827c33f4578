/** What `wasm-attention --help` prints. At most 80 columns. */
export const help: string = `wasm-attention: look at attention over a text, computed on WebAssembly SIMD

Usage
  wasm-attention explore [FILE | "some text" | -] [options]

Splits a text into tokens, embeds them, adds positions, runs multi-head
self-attention over all of them, checks a sample of rows against float64,
times it against plain JavaScript and draws one head. Without FILE it reads
this package's README; - reads standard input.

The text
  --tokens UNIT         characters, words (default) or subwords (GPT-2's, by the
                        package gpt-tokenizer; words where it is not installed)
  --max-tokens N        cut longer texts after N tokens (default 8192)

The layer
  --heads N             number of heads (default 12)
  --head-size N         size of a head (default 64)
  --projections KIND    seeded (default): random weights, untrained;
                        none: query = key = value = the embedded text
  --weights FILE        a .safetensors file of PyTorch's nn.MultiheadAttention;
                        the embedding size is taken from it
  --positions KIND      sinusoidal (default), learned or none
  --causal              a token attends only to itself and those before it
  --seed N              seed of all random numbers (default 0)

The engine
  --kernels SET         auto (default), strict, relaxed or wide
  --threads N           how many threads compute, or auto (default)

The output
  --head N              which head to draw (default 0, the first)
  --show N              how many tokens to draw (default 24)
  --json                one JSON object instead of text
  --no-color            shades of grey; so do NO_COLOR=1 and pipes

  -h, --help            this text
  -v, --version         the version

Examples
  npx wasm-attention explore "the dog chased the cat" --projections none
  npx wasm-attention explore notes.txt --tokens subwords --causal --head 3
  git log | npx wasm-attention explore - --json
`;

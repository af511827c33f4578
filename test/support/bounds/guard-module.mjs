// Looks at every access of checked kernels on one thread. The shadow, a memory of its own, has a byte for each byte of the
// engine's memory: 0 = not to be touched by the tile that runs, 1 = may be read, 3 = may be read and written.
import binaryen from "binaryen";

const READ = 1;
const WRITE = 2;

/** A module with read1 ... read16, write1 ... write16 (pointer, offset), each of which gives the pointer back. */
const source = `(module
  (import "host" "fault" (func $fault (param i32 i32 i32)))
  (memory (export "shadow") 1 65536)
  (global $dest (mut i32) (i32.const 0))
  (global $source (mut i32) (i32.const 0))
  ${[1, 2, 4, 8, 16].flatMap((bytes) => [accessOf("read", bytes, READ), accessOf("write", bytes, WRITE)]).join("\n")}
  (func $range (param $at i32) (param $bytes i32) (param $bit i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $bytes)))
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end)) (then
        (if (i32.eqz (i32.and (i32.load8_u (local.get $at)) (local.get $bit)))
          (then (call $fault (local.get $at) (i32.sub (local.get $end) (local.get $at)) (local.get $bit))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))))
  (func (export "dest") (param i32) (result i32) (global.set $dest (local.get 0)) (local.get 0))
  (func (export "source") (param i32) (result i32) (global.set $source (local.get 0)) (local.get 0))
  (func (export "filled") (param i32) (result i32)
    (call $range (global.get $dest) (local.get 0) (i32.const ${WRITE})) (local.get 0))
  (func (export "copied") (param i32) (result i32)
    (call $range (global.get $dest) (local.get 0) (i32.const ${WRITE}))
    (call $range (global.get $source) (local.get 0) (i32.const ${READ})) (local.get 0)))`;

function accessOf(name, bytes, bit) {
  const address = "(local.get $at)";
  const repeated = `0x${`0${bit}`.repeat(Math.min(bytes, 8))}`;
  const compare = (type, load) =>
    `(${type}.ne (${type}.and (${type}.${load} ${address}) (${type}.const ${repeated})) (${type}.const ${repeated}))`;
  const isFault = {
    1: compare("i32", "load8_u"),
    2: compare("i32", "load16_u"),
    4: compare("i32", "load"),
    8: compare("i64", "load"),
    16: `(i32.eqz (i8x16.all_true (v128.and (v128.load ${address}) (v128.const i64x2 ${repeated} ${repeated}))))`,
  }[bytes];
  return `(func (export "${name}${bytes}") (param $pointer i32) (param $offset i32) (result i32)
    (local $at i32)
    (local.set $at (i32.add (local.get $pointer) (local.get $offset)))
    (if (i32.or (i32.lt_u (local.get $at) (local.get $pointer)) ${isFault})
      (then (call $fault (local.get $at) (i32.const ${bytes}) (i32.const ${bit}))))
    (local.get $pointer))`;
}

let compiled;

/** The guard's module; workers are given it, so that they need not load what compiles it. */
export function guardModule() {
  if (compiled === undefined) {
    const wasm = binaryen.parseText(source);
    wasm.setFeatures(binaryen.Features.All);
    compiled = new WebAssembly.Module(wasm.emitBinary());
    wasm.dispose();
  }
  return compiled;
}
